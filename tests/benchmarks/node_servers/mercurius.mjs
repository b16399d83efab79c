// Mercurius, in Fastify; operations are compiled when they are asked for the second time.

import mercurius from 'mercurius';
import { schema } from './schema.mjs';
import { serve } from './worker.mjs';

await serve((app, context) => app.register(mercurius, { schema, context, jit: 1 }));
