import 'reflect-metadata';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { describe } from '@jest/globals';

import { resolverStory } from '../support/graphql-story.js';

const graphql = GraphQLModule.forRoot<MercuriusDriverConfig>({
  driver: MercuriusDriver,
  autoSchemaFile: true,
  subscription: true,
});

describe('a resolver with Mercurius on Fastify', () => {
  resolverStory('fastify', graphql);
});
