import { ApiProperty } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';
import { UserParams } from '../http/user-params.js';
import { ID_MESSAGE, ID_PATTERN } from '../http/validation.js';

export class DeviceParams extends UserParams {
  @ApiProperty({ example: 'phone' })
  @Matches(ID_PATTERN, { message: ID_MESSAGE })
  deviceId!: string;
}

export class BindDevice {
  @ApiProperty({ example: 'phone' })
  @Matches(ID_PATTERN, { message: ID_MESSAGE })
  deviceId!: string;

  @ApiProperty({ example: 'gw-1', description: 'the gateway that holds the connection of this device' })
  @Matches(ID_PATTERN, { message: ID_MESSAGE })
  gatewayId!: string;
}

export class UnbindDevice {
  @ApiProperty({
    required: false,
    example: 'gw-1',
    description: 'only if the device is still bound to this gateway',
  })
  @IsOptional()
  @Matches(ID_PATTERN, { message: ID_MESSAGE })
  gatewayId?: string;
}

export class Device {
  @ApiProperty({ example: 'phone' })
  deviceId!: string;

  @ApiProperty({ example: 'gw-1' })
  gatewayId!: string;

  @ApiProperty({ description: 'when it came online at this gateway' })
  since!: string;
}

export class Presence {
  @ApiProperty({ example: 'ann' })
  userId!: string;

  @ApiProperty({ description: 'is any device online?' })
  online!: boolean;

  @ApiProperty({ type: [String], example: ['gw-1'], description: 'where to route a message for this user' })
  gateways!: string[];

  @ApiProperty({ type: [Device] })
  devices!: Device[];
}
