import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { UserParams } from '../http/user-params.js';
import { BindDevice, DeviceParams, Presence, UnbindDevice } from './presence.dto.js';
import { PresenceService } from './presence.service.js';

@ApiTags('presence')
@Controller('presence')
export class PresenceController {
  constructor(private readonly presence: PresenceService) {}

  @Get(':userId')
  @ApiOperation({ summary: 'Route query: at which gateways is this user?' })
  @ApiOkResponse({ type: Presence })
  query(@Param() { userId }: UserParams): Promise<Presence> {
    return this.presence.query(userId);
  }

  @Post(':userId/devices')
  @ApiOperation({ summary: 'A device comes online at a gateway' })
  @ApiCreatedResponse({ type: Presence })
  bind(@Param() { userId }: UserParams, @Body() device: BindDevice): Promise<Presence> {
    return this.presence.bind(userId, device);
  }

  @Delete(':userId/devices/:deviceId')
  @ApiOperation({ summary: 'A device goes offline' })
  @ApiOkResponse({ type: Presence })
  unbind(
    @Param() { userId, deviceId }: DeviceParams,
    @Query() { gatewayId }: UnbindDevice,
  ): Promise<Presence> {
    return this.presence.unbind(userId, deviceId, gatewayId);
  }
}
