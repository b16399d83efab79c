"""A record as people tell it: "Alice (analyst, EMEA, L2) accessed Report#123 (EMEA, L2) at 10:00 AM"."""

from collections.abc import Mapping
from typing import Any, Final

from models.audit import AuditRecord
from permissions.audit.events import DECISION, decoded

DONE: Final[Mapping[str, str]] = {"read": "accessed", "create": "created", "update": "changed", "delete": "deleted"}
LEVELS: Final = ("clearance", "clearance_required")
NAMED: Final = ("region", "department", *LEVELS)
"""The attributes that are worth a word."""


def sentence(record: AuditRecord, who: str | None) -> str:
    """What happened; `who` is the name of the one who did it, None for the system, or nobody known."""
    facts = decoded(record.facts) if record.facts else {}
    roles = ", ".join(map(str, facts.get("roles", ())))
    nobody = "nobody known" if record.kind == DECISION else "the system"
    subject = f"{who or nobody}{_aside([roles, *_named(facts.get('user', {}))])}"
    target = f"{_target(record)}{_aside(_named(facts.get('resource', {})))}"
    return " ".join(filter(None, [subject, _deed(record), target, f"at {record.at:%I:%M %p}".replace("at 0", "at ")]))


def _deed(record: AuditRecord) -> str:
    if record.kind != DECISION:
        return f"did {record.kind} to"
    verb = (record.action or "").partition(":")[2]
    done = DONE.get(verb, f"did {verb} to")
    return done if record.effect == "allow" else f"was denied {verb} of"


def _target(record: AuditRecord) -> str:
    kind = (record.resource_type or "").replace("_", " ").capitalize()
    return f"{kind}#{record.resource_id}" if record.resource_id else f"any {kind.lower()}"


def _named(attributes: Mapping[str, Any]) -> list[str]:
    held = [(name, attributes[name]) for name in NAMED if name in attributes]
    return [f"L{value}" if name in LEVELS else str(value) for name, value in held]


def _aside(words: list[str]) -> str:
    told = ", ".join(filter(None, words))
    return f" ({told})" if told else ""
