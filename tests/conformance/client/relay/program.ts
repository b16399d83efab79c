// What an application with Relay does: sign in, list, page, append, rename, fetch again by id; each on the server.

import { commitMutation, createOperationDescriptor, fetchQuery, getRequest, graphql } from 'relay-runtime';
import type { Environment, GraphQLTaggedNode, MutationParameters, OperationType } from 'relay-runtime';
import { check, email, password, run, url } from '../checks';
import pagination, { type messagesPaginationQuery } from './__generated__/messagesPaginationQuery.graphql';
import type { programAppendMutation } from './__generated__/programAppendMutation.graphql';
import type { programConversationQuery } from './__generated__/programConversationQuery.graphql';
import type { programListQuery } from './__generated__/programListQuery.graphql';
import type { programLoginMutation } from './__generated__/programLoginMutation.graphql';
import type { programNodeQuery } from './__generated__/programNodeQuery.graphql';
import type { programRenameMutation } from './__generated__/programRenameMutation.graphql';
import type { programRolesQuery } from './__generated__/programRolesQuery.graphql';
import { connect } from './environment';
import { message, messages } from './messages';

const login = graphql`
  mutation programLoginMutation($input: LoginInput!) {
    login(input: $input) {
      accessToken
      expiresIn
      user {
        id
        displayName
      }
    }
  }
`;
const list = graphql`
  query programListQuery($first: Int!) {
    conversations(first: $first, orderBy: STARTED_ASC) {
      edges {
        node {
          id
          messageCount
        }
      }
    }
  }
`;
const conversation = graphql`
  query programConversationQuery($id: ID!) {
    conversation(id: $id) {
      title
      ...messages_conversation
    }
  }
`;
const append = graphql`
  mutation programAppendMutation($input: AppendMessageInput!, $connections: [ID!]!) {
    appendMessage(input: $input) {
      message @appendNode(connections: $connections, edgeTypeName: "MessageEdge") {
        id
        ...messages_text
      }
    }
  }
`;
const rename = graphql`
  mutation programRenameMutation($input: UpdateConversationInput!) {
    updateConversation(input: $input) {
      conversation {
        id
        title
      }
    }
  }
`;
const node = graphql`
  query programNodeQuery($id: ID!) {
    node(id: $id) {
      __typename
      id
      ... on User {
        displayName
      }
    }
  }
`;
const roles = graphql`
  query programRolesQuery {
    roles(first: 1) {
      edges {
        node {
          name
        }
      }
    }
  }
`;

async function ask<T extends OperationType>(environment: Environment, query: GraphQLTaggedNode, variables: T['variables']): Promise<T['response']> {
  environment.retain(createOperationDescriptor(getRequest(query), variables));
  return (await fetchQuery<T>(environment, query, variables, { networkCacheConfig: { force: true } }).toPromise())!;
}

function change<T extends MutationParameters>(environment: Environment, mutation: GraphQLTaggedNode, variables: T['variables']): Promise<T['response']> {
  // eslint-disable-next-line relay/generated-typescript-types -- each caller names the type
  return new Promise((onCompleted, onError) => commitMutation<T>(environment, { mutation, variables, onCompleted, onError }));
}

run(async () => {
  const signedIn = await change<programLoginMutation>(connect(url), login, { input: { email, password } });
  check('a mutation signs in', signedIn.login.accessToken.length > 0 && signedIn.login.expiresIn > 0);
  const environment = connect(url, signedIn.login.accessToken);

  const listed = await ask<programListQuery>(environment, list, { first: 20 });
  const [longest] = listed.conversations.edges.map((edge) => edge.node).sort((a, b) => b.messageCount - a.messageCount);
  const id = longest!.id;
  check('a connection lists conversations', listed.conversations.edges.length > 1 && longest!.messageCount > 4);

  const fetched = async () => (await ask<programConversationQuery>(environment, conversation, { id })).conversation!;
  const opened = await fetched();
  const read = () => messages(environment, opened);
  check('the first page has what was asked for', read().nodes.length === 1 && read().next !== null, read().nodes.length);

  for (let { next } = read(); next; { next } = read()) {
    await ask<messagesPaginationQuery>(environment, pagination, { id, count: 1, cursor: next });
  }
  const depths = read().nodes.map(({ shown }) => message(environment, shown).depth);
  check('pages that are fetched by the id add up in the store', depths.length > 2 && depths.every((depth, place) => depth === place), depths);
  check('each message is there once', new Set(read().nodes.map((node) => node.id)).size === depths.length);
  const first = message(environment, read().nodes[0]!.shown);
  check('values are of their types', !Number.isNaN(Date.parse(first.createdAt)) && typeof first.content === 'string'
    && Number.isInteger(first.siblingCount) && first.role === 'USER', first);

  const sent = { conversationId: id, content: 'Said by Relay.', parentId: read().nodes.at(-1)!.id };
  await change<programAppendMutation>(environment, append, { input: sent, connections: [read().list] });
  const last = message(environment, read().nodes.at(-1)!.shown);
  check('a mutation appends to the list in the store', last.content === sent.content && last.depth === depths.length, last);
  check('its author came as asked for by the fragment', last.author === signedIn.login.user.displayName, last);

  await change<programRenameMutation>(environment, rename, { input: { conversationId: id, title: 'By Relay' } });
  const record = environment.getStore().getSource().get(id);
  check('a mutation changes the one record that has the id', record?.['title'] === 'By Relay', record?.['title']);
  check('and the server has it', (await fetched()).title === 'By Relay');

  const found = (await ask<programNodeQuery>(environment, node, { id: signedIn.login.user.id })).node;
  check('`node` gives what has the id', found?.__typename === 'User' && found.displayName === signedIn.login.user.displayName);
  const none = (await ask<programNodeQuery>(environment, node, { id: 'bm9ib2R5OjE' })).node;
  check('and null for what is not there', none === null);
  const refused = await ask<programRolesQuery>(environment, roles, {}).catch((error: Error) => error);
  check('what is refused comes as an error', refused instanceof Error, refused instanceof Error ? refused.message : refused.roles.edges.map(({ node: { name } }) => name));
});
