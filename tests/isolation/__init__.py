"""Nobody is told what the engine denies him: every field, from every root, over two tenants."""
