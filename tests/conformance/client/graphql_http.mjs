// Runs all audits of `graphql-http` on a server, and prints what came of each.
// node graphql_http.mjs GRAPHQL_URL TOKEN

import { auditServer } from 'graphql-http';

const [url, token] = process.argv.slice(2);

function fetchFn(address, init = {}) {
  const headers = new Headers(init.headers);
  headers.set('authorization', `Bearer ${token}`);
  return fetch(address, { ...init, headers });
}

for (const { id, name, status, reason } of await auditServer({ url, fetchFn })) {
  console.log(JSON.stringify({ what: `${id} ${name}`, holds: status === 'ok', found: reason }));
}
