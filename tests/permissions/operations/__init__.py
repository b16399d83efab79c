"""The edge of documents, variables and answers."""
