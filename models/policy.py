"""Policies: rules that hold whoever asks, by attributes."""

from enum import StrEnum

from beanie import Document

from models.policy_case import PolicyCase
from models.role import GrantEffect


class PolicyMode(StrEnum):
    """Whether a policy counts; shadow ones are judged and logged only."""

    ENFORCE = "enforce"
    SHADOW = "shadow"
    OFF = "off"


class Policy(Document):
    """Allow or deny `actions` where `when` holds and `unless` does not, both CEL text. The name is the id.

    Its `tests` are run whenever it changes: it is not stored if one fails. None put in place of a stored policy keeps
    the tests that are there.
    """

    id: str  # type: ignore[assignment]  # Beanie's ids may be of any type
    effect: GrantEffect
    actions: list[str]
    when: str | None = None
    unless: str | None = None
    mode: PolicyMode = PolicyMode.ENFORCE
    description: str | None = None
    tests: list[PolicyCase] | None = None

    class Settings:
        name = "policies"
