// A conversation's messages, page by page: a pagination fragment, which can be fetched again by the conversation's id.

import { getSingularSelector, graphql, type Environment, type FragmentType } from 'relay-runtime';
import type { messages_conversation$data, messages_conversation$key } from './__generated__/messages_conversation.graphql';
import type { messages_text$data, messages_text$key } from './__generated__/messages_text.graphql';

const text = graphql`
  fragment messages_text on Message {
    role
    depth
    content
    createdAt
    siblingCount
    author {
      displayName
    }
  }
`;

const page = graphql`
  fragment messages_conversation on Conversation
  @argumentDefinitions(count: { type: "Int", defaultValue: 1 }, cursor: { type: "String" })
  @refetchable(queryName: "messagesPaginationQuery") {
    messages(first: $count, after: $cursor) @connection(key: "messages_messages") {
      __id
      edges {
        node {
          id
          ...messages_text
        }
      }
      pageInfo {
        endCursor
        hasNextPage
      }
    }
  }
`;

function read<Data>(environment: Environment, fragment: typeof page, key: unknown): Data {
  const selector = getSingularSelector(fragment as never, key as FragmentType);
  return environment.lookup(selector as never).data as Data;
}

export function messages(environment: Environment, key: messages_conversation$key) {
  const { __id: list, edges, pageInfo } = read<messages_conversation$data>(environment, page, key).messages;
  return { list, nodes: edges.map(({ node: { id, ...shown } }) => ({ id, shown })), next: pageInfo.hasNextPage ? pageInfo.endCursor : null };
}

export function message(environment: Environment, key: messages_text$key) {
  const { role, depth, content, createdAt, siblingCount, author } = read<messages_text$data>(environment, text, key);
  return { role, depth, content, createdAt, siblingCount, author: author?.displayName };
}
