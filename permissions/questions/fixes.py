"""Which single changes would make a condition hold, or fail: read from the condition's own comparisons."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any, Final

from permissions.engine.branches import Unlistable
from permissions.engine.conditions import AllOf, AnyOf, Condition, Not
from permissions.engine.facts import Assignment, Env, Facts
from permissions.engine.operands import Attribute, Fault, Literal
from permissions.engine.values import kind
from permissions.questions.possible import attributes_of
from permissions.questions.steps import Assign, SetAttribute, SetCircumstance, Step, with_attribute

Way = tuple[Step, ...]
"""Steps that are taken together; `()` where nothing has to be done."""

MOST_WAYS: Final = 20
MOST_VALUES: Final = 60
"""Values tried for one attribute of one comparison."""
PER_ATTRIBUTE: Final = 2

INSTANT: Final = timedelta(milliseconds=1)


def ways(condition: Condition | None, wanted: bool, facts: Facts) -> list[Way]:
    """Ways to bring `condition` to `wanted`, at most `MOST_WAYS`; each a guess that the engine has to confirm."""
    match condition:
        case None:
            return [()] if wanted else []
        case Not(part):
            return ways(part, not wanted, facts)
        case Unlistable(part):
            return ways(part, wanted, facts)
        case AllOf(parts):
            return (_every if wanted else _one)(ways(part, wanted, facts) for part in parts)
        case AnyOf(parts):
            return (_one if wanted else _every)(ways(part, wanted, facts) for part in parts)
        case _:
            return _of_leaf(condition, wanted, facts)


def _every(parts: Iterable[list[Way]]) -> list[Way]:
    joined: list[Way] = [()]
    for part in parts:
        joined = [(*way, *more) for way in joined for more in part][:MOST_WAYS]
    return joined


def _one(parts: Iterable[list[Way]]) -> list[Way]:
    found = [way for part in parts for way in part]
    return [()] if () in found else found[:MOST_WAYS]


def _of_leaf(leaf: Condition, wanted: bool, facts: Facts) -> list[Way]:
    test = leaf.test()
    if test(facts) is wanted:
        return [()]
    read = list(dict.fromkeys(attributes_of(leaf)))
    others = [value for value in _others(leaf, read, facts) if not isinstance(value, Fault)]
    return [(step,) for each in read for step in _steps(each, others, facts, lambda f: test(f) is wanted)]


def _steps(attribute: Attribute, others: list[Any], facts: Facts, fits: Callable[[Facts], bool]) -> Sequence[Step]:
    if attribute == Attribute("user", "roles"):
        return [Assign(facts.subject.id, Assignment(each)) for each in others if isinstance(each, str)][:PER_ATTRIBUTE]
    if attribute.scope == "resource" or attribute.name in ("id", "time"):
        return []
    now = attribute.reader()(facts)
    if attribute.scope == "user":
        return _attribute_steps(attribute.name, now, others, facts, fits)
    return _circumstance_steps(attribute.name, now, others, facts, fits)


def _attribute_steps(
    name: str, now: Any, others: list[Any], facts: Facts, fits: Callable[[Facts], bool]
) -> Sequence[Step]:
    values = _nearest(now, _candidates(now, others))
    fitting = [value for value in values if fits(facts._replace(subject=with_attribute(facts.subject, name, value)))]
    return [SetAttribute(facts.subject.id, name, value) for value in fitting[: _some(fitting)]]


def _circumstance_steps(
    name: str, now: Any, others: list[Any], facts: Facts, fits: Callable[[Facts], bool]
) -> Sequence[Step]:
    guesses = [*_addresses(others), *((value, None) for value in _nearest(now, _candidates(now, others)))]
    fitting = [
        SetCircumstance(name, value, network)
        for value, network in guesses
        if fits(facts._replace(env=Env(facts.env.time, {**facts.env.attributes, name: value})))
    ]
    return fitting[: _some([step.value for step in fitting])]


def _some(values: Sequence[Any]) -> int:
    """Of numbers the nearest is enough: the others are larger changes to the same end."""
    return 1 if values and isinstance(values[0], int | float) else PER_ATTRIBUTE


def _addresses(others: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """An address of each network that is named, with the network."""
    for text in others:
        try:
            network = ip_network(str(text), strict=False) if "/" in str(text) else None
        except ValueError:
            continue
        if network is not None:
            yield str(network[min(1, network.num_addresses - 1)]), str(network)


def _others(leaf: Condition, read: Iterable[Attribute], facts: Facts) -> Iterator[Any]:
    """What an attribute is compared with: fixed values, and other attributes as they are."""
    yield from constants(leaf)
    for attribute in read:
        value = attribute.reader()(facts)
        yield value
        yield from value if isinstance(value, list | tuple) else ()


def constants(part: object) -> Iterator[Any]:
    """Every fixed value in a condition."""
    if isinstance(part, tuple | list | frozenset):
        for each in part:
            yield from constants(each)
    elif is_dataclass(part) and not isinstance(part, Attribute):
        for field in fields(part):
            value = getattr(part, field.name)
            # The name of an operator is no value; a network's text is.
            if isinstance(part, Literal) or not isinstance(value, str) or "/" in value:
                yield from constants(value)
    elif not isinstance(part, Attribute):
        yield part


def _candidates(now: Any, others: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for other in others:
        found.append(other)
        if isinstance(other, bool):
            found.append(not other)
        elif isinstance(other, int | float):
            found += [other + 1, other - 1]
        elif isinstance(other, datetime):
            found += [other + INSTANT, other - INSTANT]
        if isinstance(now, list | tuple):
            found += [(*now, other), tuple(each for each in now if each != other)]
    return [each for each in map(_frozen, found[:MOST_VALUES]) if _settable(each) and _alike(now, each)]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _settable(value: Any) -> bool:
    """A scalar that conditions can compare, or a list of such."""
    scalars = value if isinstance(value, tuple) else (value,)
    return all(kind(each) is not None for each in scalars)


def _alike(now: Any, then: Any) -> bool:
    """Whether one may stand in place of the other; anything may where there is nothing."""
    if now is None or isinstance(now, Fault):
        return True
    return isinstance(now, list | tuple) is isinstance(then, tuple) and kind(now) is kind(then)


def _nearest(now: Any, candidates: list[Any]) -> list[Any]:
    """Other values than `now`, each once, the nearest number first."""
    distinct = {f"{type(each).__name__} {each!r}": each for each in candidates if each is not None}
    others = [each for each in distinct.values() if type(each) is not type(now) or each != now]
    return sorted(others, key=lambda each: _distance(now, each))


def _distance(now: Any, then: Any) -> float:
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (now, then))
    return abs(then - now) if numbers else float(isinstance(then, int | float) and not isinstance(then, bool))
