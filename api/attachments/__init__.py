"""`/attachments`: files go in and out as streams, apart from GraphQL."""
