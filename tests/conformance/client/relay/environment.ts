// Relay's store, and its way to the server.

import { Environment, Network, RecordSource, Store, type GraphQLResponse } from 'relay-runtime';

export function connect(url: string, token?: string): Environment {
  const authorization: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const network = Network.create(async ({ text }, variables) => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...authorization },
      body: JSON.stringify({ query: text, variables }),
    });
    return (await answer.json()) as GraphQLResponse;
  });
  return new Environment({ network, store: new Store(new RecordSource()) });
}
