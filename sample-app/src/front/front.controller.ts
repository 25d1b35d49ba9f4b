import { Controller, Get, Header, Headers, Inject, Post } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { SampleConfig } from '../config.js';
import { frontPage } from './front-page.js';
import { LockWaits } from './lock-waits.service.js';

export const SAMPLE_CONFIG = Symbol('SampleConfig');

@ApiTags('about')
@Controller()
export class FrontController {
  constructor(
    @Inject(SAMPLE_CONFIG) private readonly config: SampleConfig,
    private readonly waits: LockWaits,
  ) {}

  @Get()
  @Header('content-type', 'text/plain; charset=utf-8')
  @ApiExcludeEndpoint()
  index(@Headers('host') host: string): string {
    return frontPage(this.config, `http://${host}`);
  }

  @Post('lock-waits/take')
  @ApiOperation({ summary: 'How long the acquisitions since the last call waited, in ms' })
  takeWaits(): { pid: number; waitsMs: number[] } {
    return { pid: process.pid, waitsMs: this.waits.take() };
  }
}
