"""Files that belong to messages: in GridFS's two collections, owned, claimed, attached, and collected."""
