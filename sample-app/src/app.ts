import { type INestApplication, Logger, type NestApplicationOptions } from '@nestjs/common';
import { HttpAdapterHost, NestFactory } from '@nestjs/core';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { AppModule } from './app.module.js';
import type { SampleConfig } from './config.js';
import { ProblemFilter } from './http/problem.filter.js';
import { validationPipe } from './http/validation.js';

/** The whole application, not yet listening; main.ts and the tests start it alike. */
export async function createApp(
  config: SampleConfig,
  options: NestApplicationOptions = {},
): Promise<INestApplication> {
  const app = await NestFactory.create(AppModule.register(config), options);
  app.useGlobalPipes(validationPipe());
  app.useGlobalFilters(new ProblemFilter(app.get(HttpAdapterHost).httpAdapter));
  app.enableShutdownHooks();

  const description = 'Presence, groups and messages, each under a distributed lock.';
  const openApi = new DocumentBuilder().setTitle('Instant messaging').setDescription(description).build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, openApi));

  new Logger('Sample').log(storageLine(config));
  return app;
}

function storageLine({ redisUrl, unlocked }: SampleConfig): string {
  const place =
    redisUrl === undefined
      ? 'locks and state in the memory of this process only; set REDIS_URL to share them'
      : 'locks and state in Redis (REDIS_URL)';
  return unlocked.size === 0 ? place : `${place}; WITHOUT THE LOCK: ${[...unlocked].join(', ')}`;
}
