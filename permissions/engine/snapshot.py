"""All roles and policies of a moment, compiled: what decides."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final, NamedTuple

from permissions.engine.conflicts import STRATEGIES, ConflictStrategy, Voter
from permissions.engine.decision import Decision
from permissions.engine.errors import UnlistableError
from permissions.engine.facts import Env, Facts, Resource, Subject
from permissions.engine.filters import Fields, alternatives, apart, is_listable
from permissions.engine.foresight import Foreseen, Foresight
from permissions.engine.plans import Plan, verdict
from permissions.engine.resource_type import ResourceType
from permissions.engine.roles import RoleGraph
from permissions.engine.rulebook import Policy, Role, RuleIndex, patterns, rules_of_policy, rules_of_role
from permissions.engine.rules import Effect, Outcome, Possible, Rule
from permissions.engine.times import looks_at_time

PLANS: Final = 10_000
"""Plans kept; a snapshot is asked by far fewer combinations of roles than users."""


Pairs = tuple[tuple[str, Rule], ...]
"""A policy's rule, under each of the patterns of its actions."""


class Ahead(NamedTuple):
    """What can be told of an action while no resource is known."""

    known: Facts
    possible: tuple[Possible, ...]
    scopes: tuple[Mapping[str, Any], ...]
    plan: Plan


@dataclass(frozen=True, slots=True)
class Conventions:
    """What the engine is told of types of resources: how conflicts end, where attributes are stored, and the levels.

    `levels` gives for an action (`report:read`) the levels that contain it (`report:read_write`); `actions` are those
    that the types declare.
    """

    strategies: Mapping[str, ConflictStrategy]
    fields: Mapping[str, Fields]
    default: ConflictStrategy = ConflictStrategy.DENY_OVERRIDES
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    actions: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, types: Iterable[ResourceType], default: ConflictStrategy = ConflictStrategy.DENY_OVERRIDES
    ) -> "Conventions":
        """What the engine has to know of these types."""
        types = list(types)
        return cls(
            {each.name: each.strategy for each in types if each.strategy is not None},
            {each.name: each.fields for each in types if each.fields is not None},
            default,
            {action: levels for each in types for action, levels in each.levels_by_action().items()},
            frozenset(action for each in types for action in each.expand("*")),
        )


PLAIN: Final = Conventions({}, {})


class CompiledRoles:
    """Roles as data, their graph, and their own rules."""

    def __init__(self, roles: Iterable[Role], like: "CompiledRoles | None" = None) -> None:
        """Roles that `like` has, too, are not compiled again."""
        self.by_name: Final = {role.name: role for role in roles}
        self.graph: Final = RoleGraph({role.name: role.inherits for role in self.by_name.values()})
        self.granted: Final = {role.name: self._granted(role, like) for role in self.by_name.values()}
        self._speaking: Final[dict[str, list[str]]] = defaultdict(list)
        for role in self.by_name.values():
            for pattern in {grant.action for grant in role.grants}:
                self._speaking[pattern].append(role.name)

    def speaking(self, action: str, levels: Iterable[str] = ()) -> set[str]:
        """The roles that say something of `action` themselves: few, where there are thousands of roles."""
        return {role for pattern in patterns(action, levels) for role in self._speaking.get(pattern, ())}

    @staticmethod
    def _granted(role: Role, like: "CompiledRoles | None") -> RuleIndex:
        known = like and like.by_name.get(role.name) == role
        return like.granted[role.name] if like and known else RuleIndex(rules_of_role(role))


class Snapshot:
    """Immutable, but for plans and foresight that it remembers. Deny by default; what can't be judged denies."""

    def __init__(
        self,
        roles: Iterable[Role] | CompiledRoles = (),
        policies: Iterable[Policy] = (),
        *,
        shadows: Iterable[Policy] = (),
        revision: str = "",
        conventions: Conventions = PLAIN,
        like: "Snapshot | None" = None,
    ) -> None:
        """Raise `RulesError` where roles or patterns are unusable; a bad condition denies instead.

        What `like` has, too, is not compiled again.
        `shadows` are judged beside each decision, which tells where one of them would turn it round.
        """
        self.revision: Final = revision
        self.compiled: Final[CompiledRoles] = (
            roles if isinstance(roles, CompiledRoles) else CompiledRoles(roles, like.compiled if like else None)
        )
        self.policies: Final = tuple(policies)
        self.shadows: Final = tuple(shadows)
        self.graph: Final = self.compiled.graph
        self.conventions: Final = conventions
        self._rules_of: Final[Mapping[Policy, Pairs]] = _compiled(
            (*self.policies, *self.shadows), like._rules_of if like else {}
        )
        self._policies: Final = RuleIndex(pair for policy in self.policies for pair in self._rules_of[policy])
        self._shadows: Final = RuleIndex(pair for policy in self.shadows for pair in self._rules_of[policy])
        self._foresight: Final = Foresight()
        self._plans: Final[dict[tuple[tuple[str, ...], str], Plan]] = {}
        self._closures: Final[dict[tuple[str, ...], tuple[str, ...]]] = {}

    def decide(
        self, subject: Subject, action: str, resource: Resource, env: Env, strategy: ConflictStrategy | None = None
    ) -> Decision:
        """Whether `subject` may do `action` to `resource`, and why."""
        plan = self.plan(subject.roles_at(env.time), action)
        chosen = strategy or self.conventions.strategies.get(resource.type, self.conventions.default)
        if plan.certain is not None and not plan.shadows:  # the quick way: nothing hangs on the facts
            effect, by = plan.settle(chosen, plan.rules)
            return Decision(subject.id, action, resource, effect, by, plan.certain, env.time, self.revision)
        facts = Facts(subject, plan.roles, resource, env)
        reasons, matched = plan.judge(facts)
        effect, by = plan.settle(chosen, matched)
        decision = Decision(subject.id, action, resource, effect, by, reasons, env.time, self.revision)
        if plan.shadows:
            decision.shadow = _turning(decision, facts, plan, matched, chosen)
        return decision

    def scopes(
        self, subject: Subject, action: str, resource_type: str, env: Env, strategy: ConflictStrategy | None = None
    ) -> tuple[Mapping[str, Any], ...]:
        """MongoDB filters that together match exactly those stored resources for which `decide` would allow.

        `()` is none of them, `({},)` all. A resource may match several. Raises `UnlistableError` for a condition that
        no filter can say: it can stand only in rules about types of which no lists are kept here.
        """
        scopes = self._foresee(subject, action, resource_type, env, strategy).scopes
        if not all(map(is_listable, scopes)):
            raise UnlistableError(action)
        return scopes

    def foresee(
        self, subject: Subject, action: str, resource_type: str, env: Env, strategy: ConflictStrategy | None = None
    ) -> Decision:
        """Whether there may be any resource at all to which `subject` may do `action`."""
        plan, key = self.plan(subject.roles_at(env.time), action), (subject.id, action, resource_type, strategy)
        seen, shadow = self._foresight.get(key, subject, plan), tuple[str, ...]()
        if seen is None:
            ahead = self._foresee(subject, action, resource_type, env, strategy)
            seen = _seen(ahead)
            self._foresight.keep(key, seen)
            shadow = self._turning(ahead, strategy, bool) if plan.shadows else ()
        about, (_, _, effect, by, reasons) = Resource(resource_type), seen
        decision = Decision(subject.id, action, about, effect, by, reasons, env.time, self.revision)
        if shadow:
            decision.shadow = shadow
        return decision

    def foresee_list(self, subject: Subject, action: str, resource_type: str, env: Env) -> Decision | None:
        """The same, where shadow policies would change the filter of a list; None where none would.

        A list is not judged one by one. Other resources would be listed if there are any that differ in that: `shadow`
        tells of the filter, not of what is stored.
        """
        if not self.plan(subject.roles_at(env.time), action).shadows:
            return None
        shadow = self._turning(self._foresee(subject, action, resource_type, env, None), None, _said)
        if not shadow:
            return None
        decision = self.foresee(subject, action, resource_type, env)
        decision.shadow = shadow
        return decision

    def strategy(self, resource_type: str) -> ConflictStrategy:
        """How conflicts about that type of resource end."""
        return self.conventions.strategies.get(resource_type, self.conventions.default)

    def moves(self, held: tuple[str, ...], actions: Iterable[str]) -> bool:
        """Whether those who hold these roles may be told something else of `actions` a second later, just by time."""
        return any(self.plan(held, action).moves for action in actions)

    def next_look(self, subject: Subject, action: str, resource: Resource, env: Env) -> datetime | None:
        """The first moment after that of `env` at which `decide` may say something else, but for roles and shares.

        None where nobody ever will, unless something else changes.
        """
        plan = self.plan(subject.roles_at(env.time), action)
        return plan.next_look(Facts(subject, plan.roles, resource, env)) if plan.moves else None

    def moves_at_all(self, held: tuple[str, ...]) -> bool:
        """The same of any action whatever: False is certain, and costs next to nothing."""
        return self._moving_policies or not self._moving_roles.isdisjoint(self._closure(held))

    @cached_property
    def _moving_policies(self) -> bool:
        return any(map(_moves, self._policies))

    @cached_property
    def _moving_roles(self) -> frozenset[str]:
        return frozenset(name for name, rules in self.compiled.granted.items() if any(map(_moves, rules)))

    @property
    def roles(self) -> Mapping[str, Role]:
        """The roles as data, by name."""
        return self.compiled.by_name

    def changed(self, *, roles: Iterable[Role] | None = None, policies: Iterable[Policy] | None = None) -> "Snapshot":
        """The same world with other roles or policies; what stays is not compiled again. Raises `RulesError`."""
        return Snapshot(
            self.compiled if roles is None else roles,
            self.policies if policies is None else policies,
            shadows=self.shadows,
            revision=self.revision,
            conventions=self.conventions,
            like=self,
        )

    def _foresee(
        self, subject: Subject, action: str, resource_type: str, env: Env, strategy: ConflictStrategy | None
    ) -> Ahead:
        plan = self.plan(subject.roles_at(env.time), action)
        known = Facts(subject, plan.roles, Resource(resource_type), env)
        fields = self.conventions.fields.get(resource_type, Fields())
        possible = tuple(rule.foresee(known, fields) for rule in plan.rules)
        return Ahead(known, possible, _scopes(possible, plan.voters, strategy or self.strategy(resource_type)), plan)

    def _turning(
        self, ahead: Ahead, strategy: ConflictStrategy | None, told: Callable[[Sequence[Mapping[str, Any]]], object]
    ) -> tuple[str, ...]:
        """The shadow policies that would change what `told` says of the scopes, each by itself."""
        type_ = ahead.known.resource.type
        fields, chosen = self.conventions.fields.get(type_, Fields()), strategy or self.strategy(type_)
        shadows = {rule: rule.foresee(ahead.known, fields) for rule in ahead.plan.shadows}

        def turned(rule: Rule) -> bool:
            voters = [voter | {rule} for voter in ahead.plan.voters]
            scopes = _scopes([*ahead.possible, shadows[rule]], voters, chosen)
            return told(scopes) != told(ahead.scopes)

        return _turners([rule for rule, each in shadows.items() if each.hit is not None], turned)

    def plan(self, held: tuple[str, ...], action: str) -> Plan:
        """What there is to ask of those who hold these roles."""
        plan = self._plans.get((held, action))
        if plan is None:
            if len(self._plans) >= PLANS:
                self._plans.clear()
            plan = self._plans[held, action] = self._make_plan(held, action)
        return plan

    def _make_plan(self, held: tuple[str, ...], action: str) -> Plan:
        levels = self.conventions.levels.get(action, ())
        policies, speaking = self._policies.of(action, levels), self.compiled.speaking(action, levels)
        own = {role: self._rules(role, speaking, action, levels) for role in held}
        rules = dict.fromkeys([*(rule for rules in own.values() for rule in rules), *policies])
        voters = [frozenset([*rules, *policies]) for rules in own.values()] or [frozenset(policies)]
        return Plan(self._closure(held), tuple(rules), tuple(voters), tuple(self._shadows.of(action, levels)))

    def _rules(self, held: str, speaking: set[str], action: str, levels: tuple[str, ...]) -> list[Rule]:
        roles = (role for role in self.graph.closure(held) if role in speaking)
        return [rule for role in roles for rule in self.compiled.granted[role].of(action, levels)]

    def _closure(self, held: tuple[str, ...]) -> tuple[str, ...]:
        """All roles that come with these, in order. It is the same for every action."""
        known = self._closures.get(held)
        if known is None:
            if len(self._closures) >= PLANS:
                self._closures.clear()
            known = tuple(sorted({role for each in held for role in self.graph.closure(each)}))
            self._closures[held] = known
        return known


def _seen(ahead: Ahead) -> Foreseen:
    effect = Effect.ALLOW if ahead.scopes else Effect.DENY
    counting = (Outcome.MATCHED, Outcome.OPEN) if ahead.scopes else (Outcome.MATCHED,)
    deciding = [each.rule for each in ahead.possible if each.outcome in counting and each.rule.effect is effect]
    found, by = verdict(deciding)
    return Foreseen(ahead.known.subject, ahead.plan, found, by, tuple(each.reason for each in ahead.possible))


def _moves(rule: Rule) -> bool:
    """A text without `env` needs no closer look."""
    return "env" in (rule.origin.text or "") and looks_at_time(rule.condition)


def _compiled(policies: Iterable[Policy], known: Mapping[Policy, Pairs]) -> Mapping[Policy, Pairs]:
    return {each: known[each] if each in known else tuple(rules_of_policy(each)) for each in policies}


def _turning(
    decision: Decision, facts: Facts, plan: Plan, matched: Sequence[Rule], strategy: ConflictStrategy
) -> tuple[str, ...]:
    """The shadow policies that would turn the decision round, each by itself."""

    def turned(rule: Rule) -> bool:
        deciding = STRATEGIES[strategy].decide([*matched, rule], [voter | {rule} for voter in plan.voters])
        return verdict(deciding).effect is not decision.effect

    return _turners([rule for rule in plan.shadows if rule.judge(facts).counts], turned)


def _turners(rules: Iterable[Rule], turned: Callable[[Rule], bool]) -> tuple[str, ...]:
    """INVARIANT: what several would turn round together, one of them would alone, by every strategy."""
    return tuple(rule.origin.policy or rule.id for rule in rules if turned(rule))


def _scopes(
    possible: Sequence[Possible], voters: Sequence[Voter], strategy: ConflictStrategy
) -> tuple[Mapping[str, Any], ...]:
    filters = STRATEGIES[strategy].filters(possible, voters)
    scopes = tuple(alternatives(part for each in filters for part in apart(each, "grantees")))
    return ({},) if {} in scopes else scopes


def _said(scopes: Iterable[Mapping[str, Any]]) -> set[str]:
    """By their texts: `1` and `True` are one value in Python, and two in MongoDB."""
    return set(map(repr, scopes))
