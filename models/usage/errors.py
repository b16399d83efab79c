"""What is too much for one question about usage."""


class TooMuchUsageError(Exception):
    """There is more than `limit` of `what` in what was asked for, all of which the caller may see."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"covers more than {limit:,} {what}: ask for less time, or for one owner, tag or conversation")
        self.what = what
        self.limit = limit
