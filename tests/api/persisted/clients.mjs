// Asks with Apollo Client and urql by hashes and by ids, over HTTP, WebSocket and Server-Sent Events, and prints for each
// what came, and what was sent for it: GET or POST, and whether a text was among it.
// It does so anew, with new clients, for each line that it reads, and ends it with an empty line.
// node clients.mjs SERVER_URL MODULES_FOLDER TOKEN CONVERSATION_ID MANIFEST

import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [uri, folder, token, id, written] = process.argv.slice(2);
const require = createRequire(join(folder, 'package.json'));
const { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } = require('@apollo/client');
const { PersistedQueryLink } = require('@apollo/client/link/persisted-queries');
const { GraphQLWsLink } = require('@apollo/client/link/subscriptions');
const { generatePersistedQueryIdsFromManifest } = require('@apollo/persisted-query-lists');
const { Client, fetchExchange, subscriptionExchange } = require('@urql/core');
const { persistedExchange } = require('@urql/exchange-persisted');
const ws = require('graphql-ws/client');

globalThis.WebSocket = require('ws'); // Apollo's link looks there for its constants
const manifest = JSON.parse(written);
const headers = { authorization: `Bearer ${token}` };
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const named = (name) => `query ${name} { me { displayName } }`;
const events = (name) => `subscription ${name}($id: ID!, $after: String) {
  conversationEvents(conversationId: $id, after: $after) { __typename } }`;
const variables = { id, after: '1-0' };

let sent = [];
function counting(into) {
  return (address, options) => {
    const text = options.method === 'GET' ? new URL(address).searchParams.has('query') : 'query' in JSON.parse(options.body);
    (into ?? sent).push(options.method + (text ? ' with text' : ''));
    return fetch(address, options);
  };
}
const connect = () => ws.createClient({
  url: uri.replace('http', 'ws'),
  webSocketImpl: require('ws'),
  connectionParams: headers,
  jsonMessageReplacer: (key, value) => {
    if (key === 'payload' && value?.extensions) sent.push('WS' + (value.query ? ' with text' : ''));
    return value;
  },
});

function apollo(options, last = new HttpLink({ uri, headers, fetch: counting() })) {
  const link = ApolloLink.from([new PersistedQueryLink(options), last]);
  return new ApolloClient({ link, cache: new InMemoryCache(), defaultOptions: { query: { fetchPolicy: 'no-cache' } } });
}
function urql({ into, ...options } = {}, ...others) {
  return new Client({
    url: uri, fetch: counting(into), fetchOptions: { headers }, preferGetMethod: false, fetchSubscriptions: !others.length,
    exchanges: [persistedExchange({ preferGetForPersistedQueries: true, ...options }), ...others, fetchExchange],
  });
}
const sockets = (over) => subscriptionExchange({
  // graphql-ws sends nothing without a text; an empty one is none.
  forwardSubscription: ({ query = '', ...rest }) => ({
    subscribe: (sink) => ({ unsubscribe: over.subscribe({ query, ...rest }, sink) }),
  }),
});
const subscribed = (client, name) => new Promise((resolve, reject) =>
  client.subscribe({ query: gql(events(name)), variables, fetchPolicy: 'no-cache' }).subscribe({ next: resolve, error: reject }));
const followed = (client, name) => new Promise((resolve) => client.subscription(events(name), variables).subscribe(resolve));

async function tell(what, asked) {
  sent = [];
  let came;
  try {
    const { data, error } = await asked();
    if (error) throw error;
    came = data.me?.displayName ?? data.conversationEvents.__typename;
  } catch (error) {
    came = error.errors?.[0]?.extensions?.code ?? error.graphQLErrors?.[0]?.extensions?.code ?? String(error);
  }
  console.log([what, came, [...new Set(sent)].join(', ')].join(': '));
}

const byHash = { sha256, useGETForHashedQueries: true };
const byId = generatePersistedQueryIdsFromManifest({ loadManifest: () => Promise.resolve(manifest) });
const idOf = (_, { definitions }) => Promise.resolve(
  manifest.operations.find((each) => each.name === definitions[0].name.value)?.id ?? 'unknown');
const plain = new Client({
  url: uri, fetch: counting(), fetchOptions: { headers }, preferGetMethod: 'force', exchanges: [fetchExchange],
});
const byDocumentId = { kind: 'Document', definitions: [], documentId: `sha256:${manifest.operations[0].id}` };
async function all() {
  const clients = { apollo: apollo(byHash), urql: urql() };
  const socket = connect();
  for (const time of ['first', 'again']) {
    await tell(`apollo, hash, ${time}`, () => clients.apollo.query({ query: gql(named('Apollo')) }));
    await tell(`urql, hash, ${time}`, () => clients.urql.query(named('Urql'), {}).toPromise());
  }
  await tell('apollo, id', () => apollo(byId).query({ query: gql(named('Trusted')) }));
  await tell('urql, id', () => urql({ enforcePersistedQueries: true, generateHash: idOf }).query(named('Trusted'), {}).toPromise());
  process.env.NODE_ENV = 'production'; // else urql looks for a definition in what has none
  await tell('urql, documentId', () => plain.query(byDocumentId, {}).toPromise());
  await tell('apollo, socket', () => subscribed(apollo(byHash, new GraphQLWsLink(socket)), 'ApolloSocket'));
  for (const time of ['first', 'again']) {
    await tell(`urql, socket, ${time}`, () => followed(urql({ enableForSubscriptions: true }, sockets(socket)), 'UrqlSocket'));
  }
  for (const time of ['first', 'again']) {
    await tell(`urql, event stream, ${time}`, () => followed(urql({ into: sent, enableForSubscriptions: true }), 'UrqlStream'));
  }
  await socket.dispose(); // were it terminated, it would connect again and ask for all once more, next time
  console.log();
}

for await (const _ of createInterface({ input: process.stdin })) await all();
process.exit(0);
