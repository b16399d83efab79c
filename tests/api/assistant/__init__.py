"""Of the assistant."""
