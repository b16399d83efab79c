// Subscribes with the reference clients, each subscription on a socket or event stream of its own, and prints what each
// of them sees. node subscribe.mjs SERVER_URL MODULES_FOLDER TRANSPORT TOKEN CONVERSATION_ID SOCKETS [AFTER]

import { createRequire } from 'node:module';
import { join } from 'node:path';

const [url, folder, transport, token, conversationId, sockets, after] = process.argv.slice(2);
const require = createRequire(join(folder, 'package.json'));
const ws = require('graphql-ws/client');
const sse = require('graphql-sse');
const webSocketImpl = require('ws');

const query = `subscription ($conversationId: ID!, $after: String) {
  conversationEvents(conversationId: $conversationId, after: $after) {
    __typename
    cursor
    ... on MessageAdded { message { content } }
  }
}`;

function say(news) {
  process.stdout.write(JSON.stringify(news) + '\n');
}

const authorization = `Bearer ${token}`;
const soon = () => new Promise((resolve) => setTimeout(resolve, 100));

function overEvents(socket) {
  return sse.createClient({
    url: url + '/graphql',
    headers: { authorization },
    retryAttempts: 50,
    retry: soon,
    on: {
      connecting: (again) => again && say({ socket, kind: 'closed' }),
      connected: () => say({ socket, kind: 'connected' }),
    },
  });
}

function overSocket(socket) {
  return ws.createClient({
    url: url.replace('http', 'ws') + '/graphql',
    webSocketImpl,
    connectionParams: { authorization },
    retryAttempts: 50,
    retryWait: soon,
    shouldRetry: () => true,
    on: {
      connected: () => say({ socket, kind: 'connected' }),
      closed: ({ code }) => say({ socket, kind: 'closed', code }),
    },
  });
}

function subscribe(socket) {
  const client = transport === 'sse' ? overEvents(socket) : overSocket(socket);
  const variables = { conversationId, after };
  client.subscribe({ query, variables }, {
    next: ({ data, errors }) => {
      if (errors) return say({ socket, kind: 'errors', errors });
      const { __typename, cursor, message } = data.conversationEvents;
      variables.after = cursor; // where the client goes on when it connects again
      say({ socket, kind: __typename, cursor, content: message?.content });
    },
    error: (error) => say({ socket, kind: 'failed', error: String(error.reason ?? error.message ?? error) }),
    complete: () => say({ socket, kind: 'complete' }),
  });
}

for (let socket = 0; socket < Number(sockets); socket++) subscribe(socket);
