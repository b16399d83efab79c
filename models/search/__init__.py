"""Full-text search over messages: an index of its own, in immutable segments of packed pages.

`analysis` turns text into terms, `segments` and `merging` hold them, `indexer` keeps the index true, `search` asks it.
"""
