import 'reflect-metadata';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { GraphQLModule } from '@nestjs/graphql';
import { describe } from '@jest/globals';

import { ADAPTERS } from '../support/application.js';
import { resolverStory } from '../support/graphql-story.js';

const graphql = GraphQLModule.forRoot<ApolloDriverConfig>({
  driver: ApolloDriver,
  autoSchemaFile: true,
  subscriptions: { 'graphql-ws': true },
  graphiql: false,
});

describe.each(ADAPTERS)('a resolver with Apollo on %s', (adapter) => {
  resolverStory(adapter, graphql);
});
