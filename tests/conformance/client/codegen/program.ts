// Asks by typed documents: those of the client preset by their hashes, as the server knows them, those of the plugins
// `typescript-operations` and `typed-document-node` by their text.

import { GraphQLError, print, type DocumentNode } from 'graphql';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { check, email, password, run, url } from '../checks';
import { graphql, useFragment } from './gql';
import { ConversationOrder } from './gql/graphql';
import { AuditedDocument, ConflictStrategy, ExplainedDocument, FollowedDocument, MessageRole, SignedDocument, UsageDimension, UsedDocument } from './typed';

const MessageFields = graphql(`
  fragment MessageFields on Message {
    id
    role
    status
    createdAt
    metadata {
      tokensUsed
      extra
    }
  }
`);
const Conversations = graphql(`
  query Conversations($first: Int!, $orderBy: ConversationOrder) {
    conversations(first: $first, orderBy: $orderBy) {
      edges {
        node {
          id
          title
          attributes
          messages(last: 1) {
            edges {
              node {
                ...MessageFields
              }
            }
          }
        }
      }
    }
  }
`);
const Begin = graphql(`
  mutation Begin($input: StartConversationInput!) {
    startConversation(input: $input) {
      conversation {
        id
        tags
        archived
        startedAt
      }
    }
  }
`);

let authorization = '';

function send(document: DocumentNode, variables: object, accept: string, signal?: AbortSignal): Promise<Response> {
  const headers = { 'content-type': 'application/json', accept, ...(authorization && { authorization }) };
  const { hash } = (document as { __meta__?: { hash?: string } }).__meta__ ?? {};
  const body = JSON.stringify({ ...(hash ? { documentId: hash } : { query: print(document) }), variables });
  return fetch(url, { method: 'POST', headers, body, ...(signal && { signal }) });
}

async function ask<Data, Variables extends object>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
  const { data, errors } = await (await send(document, variables, 'application/graphql-response+json')).json();
  if (errors) throw new GraphQLError(errors[0].message, { extensions: errors[0].extensions });
  return data as Data;
}

async function first<Data, Variables extends object>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
  const ending = new AbortController();
  const answer = await send(document, variables, 'text/event-stream', ending.signal);
  let heard = '';
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  while (!/data: \{.*\n\n/.test(heard)) {
    const { value, done } = await reader.read();
    if (done) break;
    heard += value;
  }
  ending.abort();
  return JSON.parse(/data: (.+)/.exec(heard)![1]!).data as Data;
}

run(async () => {
  const { login } = await ask(SignedDocument, { input: { email, password } });
  check('a typed mutation signs in', login.accessToken.length > 0);
  authorization = `Bearer ${login.accessToken}`;

  const { conversations } = await ask(Conversations, { first: 3, orderBy: ConversationOrder.StartedAsc });
  const last = useFragment(MessageFields, conversations.edges.map((edge) => edge.node.messages.edges[0]!.node));
  check('the preset reads a list with a fragment', last.length === 3 && last.every((message) => message.status === 'COMPLETE'));
  check('dates are dates', last.every((message) => !Number.isNaN(Date.parse(message.createdAt))));
  check('figures are numbers', last.every((message) => Number.isInteger(message.metadata?.tokensUsed ?? 0)));

  const { startConversation } = await ask(Begin, { input: { tags: ['typed'], attributes: { region: 'EMEA' } } });
  const begun = startConversation.conversation;
  check('the preset begins a conversation', begun.tags[0] === 'typed' && begun.archived === false, begun);

  const { usage } = await ask(UsedDocument, { input: { by: [UsageDimension.Role] } });
  const roles: readonly unknown[] = Object.values(MessageRole);
  const counted = usage.groups.reduce((sum, group) => sum + group.figures.messages, 0);
  check('an enum has the values that come', usage.groups.every((group) => roles.includes(group.role)), usage.groups);
  check('figures add up', counted === usage.total.messages && counted > 0, [counted, usage.total.messages]);

  const question = { action: 'conversation:delete', resource: { type: 'conversation', id: begun.id } };
  const { explainDecision } = await ask(ExplainedDocument, { input: question });
  const strategies: readonly unknown[] = Object.values(ConflictStrategy);
  check('a decision is as it is typed', typeof explainDecision.decision.allowed === 'boolean'
    && strategies.includes(explainDecision.strategy), explainDecision);

  const refused = await ask(AuditedDocument, { first: 1 }).catch((error: unknown) => error);
  check('what is refused has its code', refused instanceof GraphQLError && refused.extensions['code'] === 'FORBIDDEN', String(refused));

  const { conversationEvents } = await first(FollowedDocument, { id: begun.id, after: '1-0' });
  check('a typed subscription tells its kinds apart', conversationEvents.__typename === 'ResyncRequired'
    && conversationEvents.reason.length > 0, conversationEvents);
});
