"""Taking tokens back: rules that every worker keeps in memory, so that no request asks a store."""
