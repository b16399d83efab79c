"""What is asked: subjects, actions, resources and circumstances, checked, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from api.authzen.bodies import BadRequestError, mapping, text

MOST_EVALUATIONS: Final = 100
"""Questions in one request."""

NOTHING: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Entity:
    """A subject or a resource; without an id it is one that is searched for."""

    type: str
    id: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Act:
    """An action."""

    name: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """May this subject do that to this resource?"""

    subject: Entity
    action: Act
    resource: Entity
    context: Mapping[str, Any] = field(default_factory=dict)


class Semantic(StrEnum):
    """When a batch ends."""

    EXECUTE_ALL = "execute_all"
    DENY_ON_FIRST_DENY = "deny_on_first_deny"
    PERMIT_ON_FIRST_PERMIT = "permit_on_first_permit"

    def ends(self, decision: bool) -> bool:
        """Whether nothing is decided after that decision."""
        return self is (Semantic.PERMIT_ON_FIRST_PERMIT if decision else Semantic.DENY_ON_FIRST_DENY)


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions in order; one that can't be meant stands as its error: the others are answered all the same."""

    evaluations: Sequence[Evaluation | BadRequestError]
    semantic: Semantic


def evaluation(body: dict[str, Any]) -> Evaluation:
    """One question. Raises `BadRequestError`."""
    return Evaluation(
        subject=entity(body, "subject"),
        action=act(body),
        resource=entity(body, "resource"),
        context=mapping(body, "context"),
    )


def batch(body: dict[str, Any]) -> Batch | Evaluation:
    """Several questions; or one, where there is no list of them. Raises `BadRequestError` for what concerns all."""
    given = body.get("evaluations")
    semantic = _semantic(mapping(body, "options"))
    if given is None or given == []:
        return evaluation(body)
    if not isinstance(given, list):
        raise BadRequestError("`evaluations` must be an array")
    if len(given) > MOST_EVALUATIONS:
        raise BadRequestError(f"`evaluations` must not exceed {MOST_EVALUATIONS} entries")
    defaults = {name: mapping(body, name) for name in PARTS if body.get(name) is not None}
    return Batch([_one_of_many(each, defaults) for each in given], semantic)


def entity(body: dict[str, Any], name: str, *, sought: bool = False) -> Entity:
    """A subject or a resource; what is `sought` has a type, and any id is ignored. Raises `BadRequestError`."""
    given = mapping(body, name, required=True)
    id_ = None if sought else text(given, "id", name)
    return Entity(text(given, "type", name), id_, mapping(given, "properties"))


def act(body: dict[str, Any]) -> Act:
    """The action. Raises `BadRequestError`."""
    given = mapping(body, "action", required=True)
    return Act(text(given, "name", "action"), mapping(given, "properties"))


PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "subject": ("type", "id"),
    "action": ("name",),
    "resource": ("type", "id"),
    "context": (),
}
"""What a question is made of, and what each part must have."""


def _one_of_many(given: object, defaults: Mapping[str, dict[str, Any]]) -> Evaluation | BadRequestError:
    if not isinstance(given, dict):
        return BadRequestError("an evaluation must be an object")
    try:
        return evaluation({name: _part(given, name, defaults.get(name)) for name in PARTS})
    except BadRequestError as error:
        return error


def _part(given: dict[str, Any], name: str, default: dict[str, Any] | None) -> Any:
    """A part of the question's own stands in place of the whole default; only what it must have is taken from there."""
    own = given.get(name)
    if own is None or default is None:
        return default if own is None else own
    if not isinstance(own, dict):
        return own
    return {**{key: default[key] for key in PARTS[name] if key in default}, **own}


def _semantic(options: dict[str, Any]) -> Semantic:
    given = options.get("evaluations_semantic")
    if given is None:
        return Semantic.EXECUTE_ALL
    try:
        return Semantic(given)
    except ValueError:
        raise BadRequestError(f"`options.evaluations_semantic` must be one of {', '.join(Semantic)}") from None
