"""Every answer twice, by the compiler and by graphql-core: they must be the same."""
