"""What no answer may have, whatever was asked."""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STATUS: Final = re.compile(rb"(?:^|\n|\})HTTP/1\.[01] (\d{3})")
"""An answer may begin where the body of the last one ended."""
INSIDES: Final = (
    rb"Traceback \(most recent",
    rb'File \\?"[^"]+\.py',
    rb"site-packages",
    rb"\.py:\d+ in ",
    rb"pymongo\.|redis\.exceptions|graphql\.error|strawberry\.",
    rb"mongodb://|redis://",
    rb"\$argon2",
    rb"BEGIN (?:EC |RSA )?PRIVATE KEY",
)
FAILED: Final = (rb'"INTERNAL_SERVER_ERROR"', rb'"UNAVAILABLE"')


@dataclass(frozen=True)
class Judge:
    """`secrets`: texts that nobody may be told, such as the server's key."""

    secrets: tuple[bytes, ...] = ()

    @classmethod
    def here(cls, *secrets: str) -> "Judge":
        """Knows where on this machine the code is, too."""
        places = {sys.prefix, str(Path.cwd()), str(Path(__file__).parents[2])}
        return cls(tuple(text.encode() for text in (*secrets, *places) if len(text) > 1))

    def leaks(self, told: bytes, hidden: Iterable[str] = ()) -> list[str]:
        """What of the server's insides is in `told`, or of what is `hidden` from who asked."""
        named = [pattern.decode() for pattern in INSIDES if re.search(pattern, told)]
        kept = ["a secret" for secret in self.secrets if secret in told]
        others = ["what another has" for text in hidden if text.encode() in told]
        return [f"leak: {each}" for each in (*named, *kept, *others)]

    def faults(self, told: bytes, statuses: Iterable[int], hidden: Iterable[str] = ()) -> list[str]:
        """All that is wrong with an answer."""
        failed = [f"status {status}" for status in statuses if status >= 500]
        coded = [f"code {pattern.decode()}" for pattern in FAILED if re.search(pattern, told)]
        return [*failed, *coded, *self.leaks(told, hidden)]


def statuses(told: bytes) -> list[int]:
    """Of all answers on a connection."""
    return [int(status) for status in STATUS.findall(told)]
