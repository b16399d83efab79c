"""What may stand in a policy file: keys, and what kind of value each takes."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from models.policy import PolicyMode
from models.policy_case import PolicyCase
from models.role import GrantEffect
from permissions.policy_files.errors import PolicyFileError
from permissions.policy_files.yaml import Node

TOLD = 20
"""Errors of a file that are told; the rest follows from them as often as not."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GrantShape(_Shape):
    """A rule of a role."""

    action: str
    effect: GrantEffect = GrantEffect.ALLOW
    condition: str | None = None


class RoleShape(_Shape):
    """A role."""

    name: str
    inherits: list[str] = []
    grants: list[GrantShape] = []
    priority: int | None = None
    description: str | None = None


class PolicyShape(_Shape):
    """A policy; without `tests` those that are stored stay beside it."""

    name: str
    effect: GrantEffect
    actions: list[str]
    when: str | None = None
    unless: str | None = None
    mode: PolicyMode = PolicyMode.ENFORCE
    description: str | None = None
    tests: list[PolicyCase] | None = None


class TypeShape(_Shape):
    """A type of resource."""

    name: str
    actions: list[str] = []
    levels: dict[str, list[str]] = {}
    attributes: dict[str, str] = {}
    context: dict[str, str] = {}
    strategy: str | None = None
    description: str | None = None


class FileShape(_Shape):
    """All of it."""

    resource_types: list[TypeShape] = []
    roles: list[RoleShape] = []
    policies: list[PolicyShape] = []
    tests: list[PolicyCase] = []


def shaped(root: Node) -> FileShape:
    """The file's content. Raises a group of `PolicyFileError`s: all that is wrong with its shape."""
    try:
        shape = FileShape.model_validate(root.plain())
    except ValidationError as error:
        raise ExceptionGroup("shape", [_told(root, each) for each in error.errors()[:TOLD]]) from None
    if errors := list(_twice(root, shape)):
        raise ExceptionGroup("names", errors)
    return shape


def _told(root: Node, error: Any) -> PolicyFileError:
    path = error["loc"]
    if error["type"] == "extra_forbidden":
        parent = root.find(path[:-1])
        return parent.keys[path[-1]].error(f"unknown key `{str(path[-1])[:100]}`")
    where = ".".join(str(step) for step in path)
    if error["type"] == "missing":
        return root.find(path).error(f"`{path[-1]}` is missing")
    return root.find(path).error(f"{where or 'the file'}: {error['msg']}")


def _twice(root: Node, shape: FileShape) -> Iterator[PolicyFileError]:
    for section in FileShape.model_fields:
        yield from _twice_in(root, (section,), getattr(shape, section))
    for number, policy in enumerate(shape.policies):
        yield from _twice_in(root, ("policies", number, "tests"), policy.tests or [])


def _twice_in(root: Node, path: tuple[str | int, ...], named: Sequence[Any]) -> Iterator[PolicyFileError]:
    seen = set[str]()
    for number, each in enumerate(named):
        if each.name in seen:
            yield root.find((*path, number, "name")).error(f"`{each.name[:100]}` is there twice in `{path[-1]}`")
        seen.add(each.name)
