"""Questions, answered by the engine and compared with it."""
