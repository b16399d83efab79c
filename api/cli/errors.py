"""What a command refuses to do."""


class CommandError(Exception):
    """Its message says what is wrong and what to do."""
