// Asks with Apollo Client and urql, over HTTP, WebSocket and Server-Sent Events at once, and prints the answers.
// node clients.mjs SERVER_URL MODULES_FOLDER TOKEN CONVERSATION_ID

import { createRequire } from 'node:module';
import { join } from 'node:path';

const [url, folder, token, conversationId] = process.argv.slice(2);
const require = createRequire(join(folder, 'package.json'));
const { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql, Observable } = require('@apollo/client');
const { GraphQLWsLink } = require('@apollo/client/link/subscriptions');
const { Client, fetchExchange, subscriptionExchange } = require('@urql/core');
const { print } = require('graphql');
const sse = require('graphql-sse');
const ws = require('graphql-ws/client');

const uri = url + '/graphql';
const headers = { authorization: `Bearer ${token}` };
const query = '{ me { displayName } }';
const subscription = `subscription ($id: ID!) { conversationEvents(conversationId: $id, after: "1-0") { __typename } }`;
const variables = { id: conversationId };

const overSockets = ws.createClient({
  url: uri.replace('http', 'ws'),
  webSocketImpl: require('ws'),
  connectionParams: headers,
});
const overEvents = sse.createClient({ url: uri, headers });

function first(observable) {
  return new Promise((resolve, reject) => observable.subscribe({ next: resolve, error: reject }));
}

function heard(source) {
  return new Promise((resolve) => source.subscribe(resolve)).then(({ data, error }) => data?.conversationEvents ?? String(error));
}

function urql(...exchanges) {
  const fetchOptions = { headers };
  return new Client({ url: uri, fetchOptions, preferGetMethod: false, exchanges: [...exchanges, fetchExchange] });
}

const urqlEvents = new Client({
  url: uri, fetchOptions: { headers }, preferGetMethod: false, fetchSubscriptions: true, exchanges: [fetchExchange],
});
const urqlSockets = urql(subscriptionExchange({
  forwardSubscription: (operation) => ({
    subscribe: (sink) => ({ unsubscribe: overSockets.subscribe(operation, sink) }),
  }),
}));

function apollo(link) {
  return new ApolloClient({ link, cache: new InMemoryCache() });
}

const eventsLink = new ApolloLink((operation) => new Observable((sink) =>
  overEvents.subscribe({ ...operation, query: print(operation.query) }, sink)));
const followed = { query: gql(subscription), variables };

const answers = await Promise.all([
  urqlEvents.query(query, {}).toPromise().then(({ data, error }) => data?.me ?? String(error)),
  heard(urqlEvents.subscription(subscription, variables)),
  heard(urqlSockets.subscription(subscription, variables)),
  apollo(new HttpLink({ uri, headers })).query({ query: gql(query) }).then(({ data }) => data.me),
  first(apollo(new GraphQLWsLink(overSockets)).subscribe(followed)).then(({ data }) => data.conversationEvents),
  first(apollo(eventsLink).subscribe(followed)).then(({ data }) => data.conversationEvents),
  apollo(eventsLink).query({ query: gql(query) }).then(({ data }) => data.me),
]);
for (const answer of answers) console.log(answer.displayName ?? answer.__typename ?? answer);
process.exit(0);
