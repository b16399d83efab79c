"""`/export` and `/import`: one's own conversations out and in, as streams, apart from GraphQL."""
