"""The smallest changes that would turn a denial into a permit: guessed from the rules, confirmed by the engine."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.errors import RulesError
from permissions.engine.facts import Assignment, Facts
from permissions.engine.rules import Rule
from permissions.questions.costs import cost, power
from permissions.questions.fixes import Way, ways
from permissions.questions.sight import EVERYTHING, Sight
from permissions.questions.steps import Assign, SwitchOff, Unassign, World
from permissions.questions.waiting import waiting

MOST: Final = 3
MOST_TRIED: Final = 400
"""Changed worlds that the engine is asked about, waiting aside."""
MOST_ROLES: Final = 20
MOST_JOINED: Final = 60


@dataclass(frozen=True, slots=True)
class Remedy:
    """Steps that, taken together, make the answer yes. No fewer of them would."""

    steps: Way
    cost: float


def remedies(world: World, sight: Sight = EVERYTHING, most: int = MOST) -> list[Remedy]:
    """The cheapest first, at most `most`; none for what is allowed, nor for who may not see what they would tell."""
    if world.allows() or not (sight.user and sight.resource):
        return []
    candidates = {way: cost(world, way) for way in _candidates(world, sight) if way and _tellable(way, sight)}
    ordered = sorted(candidates, key=candidates.__getitem__)[:MOST_TRIED]
    return [Remedy(way, candidates[way]) for way in _confirmed(world, ordered, most)]


def _tellable(way: Way, sight: Sight) -> bool:
    """A condition, too, may speak of a role that nobody held."""
    return sight.roles or not any(isinstance(step, Assign) for step in way)


def _confirmed(world: World, ordered: Iterable[Way], most: int) -> list[Way]:
    """Those that work, without such as do more than another that works."""
    found: list[Way] = []
    for way in ordered:
        if len(found) == most:
            break
        if not any(_within(world, each, way) for each in found) and _works(world, way):
            found.append(way)
    return found


def _within(world: World, small: Way, large: Way) -> bool:
    """Whether `large` does all that `small` does: a role gives what the roles do that it inherits from."""
    graph = world.snapshot.graph
    given = {role for step in large if isinstance(step, Assign) for role in graph.closure(step.assignment.role)}
    return all(step in large or (isinstance(step, Assign) and step.assignment.role in given) for step in small)


def _works(world: World, way: Way) -> bool:
    try:
        return world.after(way).allows()
    except RulesError:
        return False


def _candidates(world: World, sight: Sight) -> Iterator[Way]:
    moment = waiting(world)
    if moment is not None:
        yield (moment,)
    permits, silences = _permitting(world, sight), _silencing(world, sight)
    for permit in permits:
        for silence in silences:
            yield tuple(dict.fromkeys((*permit, *silence)))


def _permitting(world: World, sight: Sight) -> list[Way]:
    """Ways to a rule that allows: one that is held already, or of a role that could be."""
    facts, rules = world.question.facts(world.snapshot), world.question.plan(world.snapshot).rules
    held = [way for rule in rules if not rule.denies for way in ways(rule.condition, True, facts)]
    offered = _of_roles(world, facts) if sight.roles else ()
    return list(dict.fromkeys([(), *held, *offered]))


def _of_roles(world: World, facts: Facts) -> Iterator[Way]:
    snapshot, user, action = world.snapshot, world.question.subject.id, world.question.action
    levels = snapshot.conventions.levels.get(action, ())
    granting = [
        (role, rule)
        for role in sorted(snapshot.compiled.speaking(action, levels) - set(facts.roles))
        for rule in snapshot.compiled.granted[role].of(action, levels)
        if not rule.denies
    ]
    for role, rule in sorted(granting, key=lambda pair: power(snapshot, pair[0]))[:MOST_ROLES]:
        for way in ways(rule.condition, True, facts):
            yield (Assign(user, Assignment(role)), *way)


def _silencing(world: World, sight: Sight) -> list[Way]:
    """Ways to be rid of what denies: each of the rules that do, or some of them, where others don't matter."""
    facts, plan = world.question.facts(world.snapshot), world.question.plan(world.snapshot)
    joined: list[Way] = [()]
    for rule in plan.rules:
        if rule.denies and rule.judge(facts).counts:
            options = [(), *_silences(world, rule, facts, sight)]
            joined = [(*way, *more) for way in joined for more in options][:MOST_JOINED]
    idle = _idle(world)
    return list(dict.fromkeys([*joined, *((*way, *idle) for way in joined)]))


def _silences(world: World, rule: Rule, facts: Facts, sight: Sight) -> Iterator[Way]:
    yield from ways(rule.condition, False, facts)
    if rule.origin.role is not None:
        yield _giving_up(world, rule.origin.role)
    elif sight.policies and rule.origin.policy is not None:
        yield (SwitchOff(rule.origin.policy),)


def _giving_up(world: World, role: str) -> Way:
    """All roles held that bring `role` along."""
    held, graph = world.question.subject.roles_at(world.question.env.time), world.snapshot.graph
    return tuple(Unassign(world.question.subject.id, each) for each in held if role in graph.closure(each))


def _idle(world: World) -> Way:
    """All roles held that say nothing, where every one must allow."""
    question, snapshot = world.question, world.snapshot
    if question.settled_by(snapshot) is not ConflictStrategy.MOST_RESTRICTIVE:
        return ()
    facts, plan = question.facts(snapshot), question.plan(snapshot)
    allowing = {rule for rule in plan.rules if not rule.denies and rule.judge(facts).counts}
    held = question.subject.roles_at(question.env.time)
    silent = (role for role, voter in zip(held, plan.voters, strict=False) if voter.isdisjoint(allowing))
    return tuple(Unassign(question.subject.id, role) for role in silent)
