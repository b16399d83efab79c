// Runs all audits of `graphql-http` on a server, and prints what came of each, as JSON: id, name, status, reason.
// node graphql_http.mjs GRAPHQL_URL MODULES_FOLDER [TOKEN]

import { createRequire } from 'node:module';
import { join } from 'node:path';

const [url, folder, token] = process.argv.slice(2);
const { auditServer } = createRequire(join(folder, 'package.json'))('graphql-http');

function fetchFn(address, init = {}) {
  const headers = new Headers(init.headers);
  if (token) headers.set('authorization', `Bearer ${token}`);
  return fetch(address, { ...init, headers });
}

const results = await auditServer({ url, fetchFn });
const told = results.map(({ id, name, status, reason }) => ({ id, name, status, reason }));
process.stdout.write(JSON.stringify(told));
