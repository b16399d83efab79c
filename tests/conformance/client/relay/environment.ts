// Relay's store, and its way to the server, which knows the documents: they are named by their ids, and never sent.

import { Environment, Network, RecordSource, Store, type GraphQLResponse } from 'relay-runtime';

export function connect(url: string, token?: string): Environment {
  const authorization: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const network = Network.create(async ({ id }, variables) => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...authorization },
      body: JSON.stringify({ documentId: id, variables }),
    });
    return (await answer.json()) as GraphQLResponse;
  });
  return new Environment({ network, store: new Store(new RecordSource()) });
}
