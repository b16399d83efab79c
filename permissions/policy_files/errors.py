"""What is wrong with a policy file, and where."""


class PolicyFileError(Exception):
    """Line and column from 1, where they are known."""

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column

    def at(self, file: str) -> str:
        """One line for people: the file, the place, the reason."""
        places = [str(number) for number in (self.line, self.column) if number is not None]
        return " ".join([":".join([file, *places]) + ":", " ".join(self.reason.split())])
