"""Conditions at random, many a millisecond: what hypothesis draws for `hostile`, for runs of a hundred thousand."""

import random
from typing import Final

from permissions.engine.cel.compile import compiled
from permissions.engine.errors import ConditionError
from permissions.engine.schema import Schema
from tests.permissions.hostile import SCALARS, is_literal, written

ANYTHING: Final = Schema(open=frozenset({"user", "resource", "env"}), shares=True)
FIXED: Final = [written(value) for value in SCALARS if is_literal(value)]
STORED: Final = [f"resource.{name}" for name in ("a", "b", "owner_id", "id", "type", "kind", "effect", "none")]
NAMED: Final = [f"user.{name}" for name in ("a", "b", "id", "roles", "none")] + ["env.time", "env.a", "env.none"]
SIGNS: Final = ("==", "!=", "<", "<=", ">", ">=")
PLAIN: Final = (
    "resource.owner_id == user.id",
    'shared("read")',
    'shared("read") && !has(resource.b)',
    "resource.id == user.id",
    "resource.a == user.a",
    "has(resource.a)",
    "!has(resource.b)",
    "user.a in resource.a",
    "resource.a in user.b",
    "resource.a.exists(e, e in user.b)",
    '"r0" in user.roles',
    'env.time < timestamp("2026-03-02T12:00:00Z")',
    'resource.kind == "decision"',
    "has(resource.effect)",
    'resource.effect != "deny"',
    'resource.a != "EMEA"',
    "resource.a == 1",
    "resource.b == true",
    "size(resource.a) < 2",
    'resource.a.exists(e, e == "a")',
    "user.a == 1 || resource.b == null",
    "true",
)


class Conditions:
    """Drawn from `chance` alone: the same seed draws the same ones."""

    def __init__(self, chance: random.Random) -> None:
        self._chance: Final = chance

    def draw(self) -> str:
        """One that may be written: a filter can say it."""
        while True:
            text = self._combined(2)
            try:
                compiled(text, ANYTHING)
            except ConditionError:
                continue
            return text

    def _one(self, *of: str) -> str:
        return self._chance.choice(of)

    def _combined(self, depth: int) -> str:
        which = self._chance.random()
        if depth == 0 or which < 0.65:
            return self._comparison()
        parts = [f"({self._combined(depth - 1)})" for _ in range(3)]
        if which < 0.77:
            return " && ".join(parts[:2])
        if which < 0.92:
            return " || ".join(parts[:2])
        return f"!{parts[0]}" if which < 0.96 else "{} ? {} : {}".format(*parts)

    def _comparison(self) -> str:
        stored, chance = self._one(*STORED), self._chance
        match chance.randrange(16):
            case 0 | 1 | 2 | 12 | 13:
                return self._one(*PLAIN)
            case 14 | 15:
                return self._one('shared("read")', 'shared("read")', 'shared("write")')
            case 3 | 4:
                return self._of(stored)
            case 5:
                return f"{self._known()} in {stored}"
            case 6:
                return f"has({self._one(stored, *NAMED)})"
            case 7:
                return f"size({stored}) {self._one(*SIGNS)} {chance.randrange(4)}"
            case 8:
                return f"{stored}.{self._one('exists', 'all')}(e, {self._of('e')})"
            case 9:
                return f"{self._list()}.{self._one('exists', 'all')}(e, e {self._one(*SIGNS)} {stored})"
            case 10:
                return f"{self._list()}.exists(e, e in {stored})"
            case _:
                return self._of(self._known())

    def _of(self, item: str) -> str:
        """One comparison of `item` with what is known."""
        known = self._known()
        match self._chance.randrange(5):
            case 0 | 1:
                return f"{item} {self._one(*SIGNS)} {known}"
            case 2:
                return f"{known} {self._one(*SIGNS)} {item}"
            case 3:
                return f"{item} in {self._list()}"
            case _:
                return f"{item}.{self._one('startsWith', 'endsWith', 'contains')}({known})"

    def _known(self) -> str:
        which = self._chance.random()
        if which < 0.45:
            return self._one(*NAMED)
        if which < 0.85:
            return self._one(*FIXED)
        if which < 0.93:
            return f"({self._one(*NAMED)} {self._one(*'+-*/%')} {self._one(*FIXED)})"
        name = self._one(*NAMED)
        return f"(has({name}) ? {name} : {self._one(*FIXED)})"

    def _list(self) -> str:
        if self._chance.random() < 0.5:
            return self._known()
        return f"[{', '.join(self._known() for _ in range(self._chance.randrange(4)))}]"
