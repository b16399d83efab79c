"""What stays as it is from one request to the next, so that its answers need not be made anew."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from permissions.engine.facts import Resource

STEADY: Final[Mapping[str, Any]] = {"steady": True}
"""The `metadata` of a field that is resolved, and gives the same for the same object to everybody who gets past its
guards. (What is only read off an object does.)"""


@dataclass(slots=True, eq=False)
class Steady:
    """Of one object, which is given to several requests: it never changes, nor does what it holds.

    INVARIANT: guards of what it holds decide on `about` alone, and are asked in each request.
    """

    about: Resource
    answers: dict[Any, Any] = field(default_factory=dict)
    """The executor's, by what was selected."""

    def permission_resource(self) -> Resource:
        """What field guards ask about."""
        return self.about
