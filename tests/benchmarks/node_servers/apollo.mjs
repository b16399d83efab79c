// Apollo Server, in Fastify by its own integration.

import { ApolloServer } from '@apollo/server';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import { schema } from './schema.mjs';
import { serve } from './worker.mjs';

await serve(async (app, context) => {
  const apollo = new ApolloServer({ schema });
  await apollo.start();
  app.post('/graphql', fastifyApolloHandler(apollo, { context }));
});
