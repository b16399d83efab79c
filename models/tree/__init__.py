"""The message tree: branches as runs of messages, kept in buckets."""
