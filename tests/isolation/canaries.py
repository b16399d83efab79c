"""Words and ids that stand in one place each, and who may be told of it."""

import re
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from permissions.engine.facts import Env, Resource, Subject
from permissions.engine.snapshot import Snapshot

_PIECE: Final = re.compile(r"[0-9A-Za-z_-]+")
_SEALED: Final = re.compile(r"[A-Za-z0-9_-]{16,}")
_MESSAGE: Final = re.compile(r"Message:([0-9a-f]{24}:\w+\.\d+)")


@dataclass(frozen=True, slots=True)
class Judge:
    """Somebody, and the rules by which he is judged: asked directly, past all that is tested."""

    snapshot: Snapshot
    subject: Subject
    env: Env

    def may(self, action: str, resource: Resource) -> bool:
        """What `checkPermission` would say."""
        return bool(self.snapshot.decide(self.subject, action, resource, self.env))

    def holds(self, role: str) -> bool:
        """Whether he has the role, also by another that inherits from it."""
        return any(role in self.snapshot.graph.closure(each) for each in self.subject.roles_at(self.env.time))


Rule = Callable[[Judge], bool]


@dataclass
class Canaries:
    """What was planted. A word, or an id, is known by where it stands."""

    rules: dict[str, Rule] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def word(self, place: str, rule: Rule) -> str:
        """A new word for a `place`, of which those may be told whom `rule` names."""
        text = f"zq{secrets.token_hex(6)}qz"
        self.id(text, place, rule)
        return text

    def word_of(self, place: str) -> str:
        """The word that was planted there."""
        return next(text for text, known in self.places.items() if known == place and text.startswith("zq"))

    def id(self, text: object, place: str, rule: Rule) -> None:
        """The same for an id that is there."""
        self.rules[str(text)], self.places[str(text)] = rule, place

    def found(self, told: str) -> set[str]:
        """Those that `told` says, plainly or within global ids."""
        seen: set[str] = set()
        for text in (told, *map(opened, set(_SEALED.findall(told)))):
            seen |= self.rules.keys() & {*_PIECE.findall(text), *_MESSAGE.findall(text)}
        return seen

    def leaks(self, told: str, judge: Judge, known: str = "") -> list[str]:
        """Places of which he is told though the engine denies it; `known` is what he sent himself."""
        own = self.found(known)
        return sorted(self.places[each] for each in self.found(told) - own if not self.rules[each](judge))

    def hidden(self, judge: Judge) -> list[str]:
        """What he may not be told."""
        return [each for each, rule in self.rules.items() if not rule(judge)]


def opened(text: str) -> str:
    """What a global id says; nothing for what is none."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        return ""


def texts(value: Any) -> Iterator[str]:
    """All strings in an answer, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from (key, *texts(each))
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
