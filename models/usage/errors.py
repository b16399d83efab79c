"""What is too much for one question about usage."""


class UsageBusyError(Exception):
    """Others, or the asker's own questions, are before this one, and it waited as long as one may."""

    def __str__(self) -> str:
        return "too many questions about usage at once, try again"


class TooMuchUsageError(Exception):
    """There is more than `limit` of `what` in what was asked for, all of which the caller may see."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"covers more than {limit:,} {what}: ask for less time, or for one owner, tag or conversation")
        self.what = what
        self.limit = limit
