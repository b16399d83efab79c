"""The GraphQL surface, by noun."""
