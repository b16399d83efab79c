// The part of Parley's schema that is asked for, and its resolvers: the same for Apollo Server and for Mercurius.

import { makeExecutableSchema } from '@graphql-tools/schema';
import { GraphQLScalarType } from 'graphql';
import { conversationId, globalId } from './reading.mjs';

const typeDefs = /* GraphQL */ `
  scalar DateTime

  type Query {
    me: User
    conversation(id: ID!): Conversation
  }

  type User {
    id: ID!
  }

  type Conversation {
    id: ID!
    messages(last: Int): MessageConnection!
  }

  type MessageConnection {
    edges: [MessageEdge!]!
    pageInfo: PageInfo!
  }

  type MessageEdge {
    node: Message!
  }

  type PageInfo {
    hasNextPage: Boolean!
    hasPreviousPage: Boolean!
    startCursor: String
    endCursor: String
  }

  type Message {
    id: ID!
    depth: Int!
    role: MessageRole!
    content: String
    createdAt: DateTime!
    status: MessageStatus!
    siblingCount: Int!
    siblingIndex: Int!
    metadata: MessageMetadata
  }

  type MessageMetadata {
    llmModel: String
    tokensUsed: Int
    latencyMs: Int
  }

  enum MessageRole {
    SYSTEM
    USER
    ASSISTANT
    TOOL
  }

  enum MessageStatus {
    STREAMING
    COMPLETE
    INTERRUPTED
  }
`;

const DateTime = new GraphQLScalarType({ name: 'DateTime', serialize: isoformat });

const resolvers = {
  DateTime,
  Query: {
    me: (_, __, { caller }) => ({ id: globalId(`User:${caller.id}`) }),
    async conversation(_, { id }, { caller, conversations }) {
      const found = await conversations.find(conversationId(id));
      return found !== null && caller.may('conversation:read', found) ? found : null;
    },
  },
  Conversation: {
    id: (conversation) => globalId(`Conversation:${conversation._id}`),
    messages(conversation, { last }, { caller, conversations }) {
      caller.require('message:read', conversation);
      return conversations.lastPage(conversation, caller.id, last);
    },
  },
  Message: {
    metadata({ conversation, stored }, _, { caller }) {
      caller.require('message:read_metadata', conversation);
      return stored ? metadata(stored) : null;
    },
  },
};

export const schema = makeExecutableSchema({ typeDefs, resolvers });

function metadata(stored) {
  const known = stored.tokens_in !== undefined || stored.tokens_out !== undefined;
  const sum = known ? (stored.tokens_in ?? 0) + (stored.tokens_out ?? 0) : null;
  return { llmModel: stored.llm_model, tokensUsed: stored.tokens_used ?? sum, latencyMs: stored.latency_ms };
}

/** As Python writes it: microseconds, and none where there are none. */
function isoformat(date) {
  const text = date.toISOString();
  return text.endsWith('.000Z') ? `${text.slice(0, 19)}+00:00` : `${text.slice(0, 23)}000+00:00`;
}
