// A worker as `api.worker`: it serves on an inherited listener, says when it is ready, and ends with its lifeline.
// node apollo.mjs LISTENER LIFELINE

import { Socket } from 'node:net';
import Fastify from 'fastify';
import { MongoClient } from 'mongodb';
import { Access } from './access.mjs';
import { Conversations } from './reading.mjs';

const { PARLEY_MONGODB_URI, PARLEY_DATABASE, PARLEY_ISSUER, PARLEY_AUDIENCE, BENCH_JWKS } = process.env;
const [listener, lifeline] = process.argv.slice(2).map(Number);

/** Serve `/graphql` as `mount` puts it into an application, which is told how to make a request's context. */
export async function serve(mount) {
  const mongo = await new MongoClient(PARLEY_MONGODB_URI).connect();
  const db = mongo.db(PARLEY_DATABASE);
  const claims = { jwks: BENCH_JWKS, issuer: PARLEY_ISSUER, audience: PARLEY_AUDIENCE };
  const access = await new Access(db, claims).start();
  const conversations = new Conversations(db);
  const context = async ({ headers }) => ({ caller: await access.caller(headers.authorization), conversations });

  const app = Fastify();
  await mount(app, context);
  await app.ready();
  await new Promise((listening) => app.server.listen({ fd: listener }, listening));

  const line = new Socket({ fd: lifeline });
  line.on('close', () => process.exit(0)).resume();
  line.write('r');
}
