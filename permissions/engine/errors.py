"""What can be wrong with roles and policies.

RulesError
├── RoleCycleError      a role inherits from itself
├── UnknownRoleError    a role inherits from one that doesn't exist
├── MissingRoleError    a role should change that isn't there
├── ActionPatternError  not an action, nor a pattern of actions
├── ConditionError      not a condition
├── UnlistableError     a list would have to be filtered by what no filter can say
└── WindowError         not a recurring window, or one that never opens
"""

from collections.abc import Iterable, Sequence


class RulesError(Exception):
    """The root of this tree."""


class RoleCycleError(RulesError):
    """`path` begins and ends with the same role."""

    def __init__(self, path: Sequence[str]) -> None:
        super().__init__(f"role inherits from itself: {' → '.join(path)}")
        self.path = tuple(path)


class UnknownRoleError(RulesError):
    """`role` inherits from `parent`, which isn't there."""

    def __init__(self, role: str, parent: str) -> None:
        super().__init__(f"role `{role}` inherits from unknown role `{parent}`")
        self.role = role
        self.parent = parent


class MissingRoleError(RulesError):
    """`role` isn't there, or is no more."""

    def __init__(self, role: str) -> None:
        super().__init__(f"role `{role[:100]}` is not there to be changed")
        self.role = role


class ActionPatternError(RulesError):
    """Patterns are `resource:verb`, `resource:*` and `*`."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f"not an action or a pattern of actions: `{pattern[:100]}`")
        self.pattern = pattern


class SchemaError(RulesError):
    """Its text says what is wrong with a type of resource."""


class ConditionError(RulesError):
    """What is wrong with a condition, and where: line and column from 1. `known` is what could stand there."""

    def __init__(self, reason: str, line: int, column: int, known: Iterable[str] = ()) -> None:
        self.reason = reason
        self.line = line
        self.column = column
        self.known = tuple(sorted(known))
        hint = f"; known: {', '.join(self.known)}" if self.known else ""
        super().__init__(f"line {line}, column {column}: {reason}{hint}")


class UnlistableError(RulesError):
    """A rule about `action` has a condition that MongoDB can't be told."""

    def __init__(self, action: str) -> None:
        super().__init__(f"no list can be filtered by the rules about `{action}`")
        self.action = action


class WindowError(RulesError):
    """`reason` ends a sentence that begins with the window."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"window `{text[:100]}` {reason}")
        self.text = text
        self.reason = reason
