"""What the asker may know of what he asks about, and what stands in its place where he may not."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from permissions.engine.facts import Facts


@dataclass(frozen=True, slots=True)
class Sight:
    """`user` and `resource`: the values of their attributes. `roles` and `policies`: those that nobody holds, too."""

    user: bool = True
    resource: bool = True
    roles: bool = True
    policies: bool = True


EVERYTHING: Final = Sight()


class _Hidden:
    def __repr__(self) -> str:
        return "hidden"


HIDDEN: Final = _Hidden()


def seen(facts: Facts, sight: Sight) -> Facts:
    """The facts with hidden values in place of those that the asker may not know."""
    subject = facts.subject if sight.user else replace(facts.subject, attributes=_hidden(facts.subject.attributes))
    if sight.resource:
        return facts._replace(subject=subject)
    resource = replace(facts.resource, attributes=_hidden(facts.resource.attributes), shares=())
    return facts._replace(subject=subject, resource=resource)


def _hidden(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict.fromkeys(attributes, HIDDEN)
