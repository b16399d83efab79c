"""Reads the cases: decisions as data, in `cases/*.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.facts import Assignment, Env, Resource, Subject
from permissions.engine.rulebook import Grant, Policy, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from permissions.engine.windows import Window
from tests.permissions.worlds import NOON

FOLDER: Final = Path(__file__).with_name("cases")


@dataclass(frozen=True)
class Case:
    """A question put to a world, and the answer that is wanted."""

    name: str
    sentence: str
    snapshot: Snapshot
    subject: Subject
    action: str
    resource: Resource
    env: Env
    strategy: ConflictStrategy
    effect: Effect
    decided_by: tuple[str, ...]
    because: str


def load() -> list[Case]:
    """Every case of every file, named `file/name`."""
    files = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
    return [_case(stem, file, case) for stem, file in files.items() for case in file["case"]]


def _case(stem: str, file: Mapping[str, Any], case: Mapping[str, Any]) -> Case:
    asked, wanted = case["ask"], case["want"]
    roles = [_role(role) for role in [*file.get("role", []), *case.get("role", [])]]
    policies = [_policy(policy) for policy in [*file.get("policy", []), *case.get("policy", [])]]
    return Case(
        name=f"{stem}/{case['name']}",
        sentence=case["sentence"],
        snapshot=Snapshot(roles, policies),
        subject=_subject({**file.get("users", {}).get(asked.get("user", ""), {}), **case.get("user", {})}),
        action=asked["action"],
        resource=_resource(asked["action"], case.get("resource", {})),
        env=_env(asked),
        strategy=ConflictStrategy(asked.get("strategy", "deny_overrides")),
        effect=Effect(wanted["effect"]),
        decided_by=tuple(wanted["decided_by"]),
        because=wanted.get("because", ""),
    )


def _role(data: Mapping[str, Any]) -> Role:
    grants = (Grant(Effect(each["effect"]), each["action"], each.get("condition")) for each in data.get("grants", []))
    return Role(data["name"], tuple(data.get("inherits", [])), tuple(grants), data.get("priority"))


def _policy(data: Mapping[str, Any]) -> Policy:
    effect, actions = Effect(data["effect"]), tuple(data["actions"])
    return Policy(data["name"], effect, actions, data.get("when"), data.get("unless"))


def _subject(data: Mapping[str, Any]) -> Subject:
    held = (_assignment({"role": role} if isinstance(role, str) else role) for role in data.get("roles", []))
    return Subject(data["id"], tuple(held), data.get("attributes", {}))


def _assignment(data: Mapping[str, Any]) -> Assignment:
    window = Window.parse(data["window"]) if "window" in data else None
    return Assignment(**{**data, "window": window})


def _resource(action: str, data: Mapping[str, Any]) -> Resource:
    return Resource(action.partition(":")[0], data.get("id"), data.get("attributes", {}))


def _env(asked: Mapping[str, Any]) -> Env:
    at: datetime = asked.get("at", NOON)
    return Env(at, asked.get("env", {}))
