"""A policy file as documents, and what is wrong with it on top of the rules that are there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

from models.policy import Policy
from models.policy_case import PolicyCase
from models.resource_type import ResourceType
from models.role import Grant, Role
from permissions import trials
from permissions.checks import check_condition, check_pattern, check_policy, check_role, check_type
from permissions.engine.errors import RoleCycleError, RulesError, UnknownRoleError
from permissions.errors import InvalidChangeError
from permissions.policy_files.errors import PolicyFileError
from permissions.policy_files.shape import FileShape, PolicyShape, RoleShape, TypeShape, shaped
from permissions.policy_files.yaml import Node, read
from permissions.state import State, Stored

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """What a file says. The documents can be made without a database, and stored by who has one."""

    root: Node
    types: list[ResourceType]
    roles: list[Role]
    policies: list[Policy]
    tests: list[PolicyCase]

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Raises `PolicyFileError`, or a group of them."""
        root = read(content)
        shape: FileShape = shaped(root)
        return cls(
            root,
            [_type(each) for each in shape.resource_types],
            [_role(each) for each in shape.roles],
            [_policy(each) for each in shape.policies],
            shape.tests,
        )

    @property
    def documents(self) -> list[Stored]:
        """All that is to be stored."""
        return [*self.types, *self.roles, *self.policies]

    @property
    def cases(self) -> int:
        """How many tests there are."""
        return len(self.tests) + sum(len(each.tests or []) for each in self.policies)

    def over(self, base: State) -> State:
        """The rules, once the file is applied to `base`. A policy that says nothing of tests keeps those it has."""
        policies = [trials.kept_tests(each, base.policies.get(each.id)) for each in self.policies]
        return replace(
            base,
            roles={**base.roles, **{each.id: each for each in self.roles}},
            policies={**base.policies, **{each.id: each for each in policies}},
            types={**base.types, **{each.id: each for each in self.types}},
        )

    def problems(self, base: State) -> list[PolicyFileError]:
        """What is wrong with the file on top of `base`, failing tests included; tests run where all else is right."""
        wrong = list(self._of_types())
        if wrong:
            return wrong
        state = self.over(base)
        return [*self._of_rules(state)] or [*self._of_graph(state)] or [*self._of_tests(state)]

    def _of_types(self) -> Iterator[PolicyFileError]:
        for number, type_ in enumerate(self.types):
            yield from self._caught(("resource_types", number), partial(check_type, type_))

    def _of_rules(self, state: State) -> Iterator[PolicyFileError]:
        types = state.known_types
        for number, role in enumerate(self.roles):
            found = list(self._of_grants(role, ("roles", number, "grants"), state))
            yield from found or self._caught(("roles", number), partial(check_role, role, types))
        for number, policy in enumerate(self.policies):
            yield from self._caught(("policies", number), partial(check_policy, policy, types))

    def _of_grants(self, role: Role, path: Path, state: State) -> Iterator[PolicyFileError]:
        types = state.known_types
        for number, each in enumerate(role.grants):
            at = (*path, number)
            yield from self._caught(at, partial(check_pattern, each.action, types, "action"))
            yield from self._caught(at, partial(check_condition, each.condition, [each.action], types, "condition"))

    def _of_graph(self, state: State) -> Iterator[PolicyFileError]:
        try:
            _ = state.graph
        except (RoleCycleError, UnknownRoleError) as error:
            involved = error.path if isinstance(error, RoleCycleError) else (error.role,)
            number = next((n for n, each in enumerate(self.roles) if each.id in involved), 0)
            yield self.root.find(("roles", number, "inherits")).error(str(error))
        except RulesError as error:
            yield self.root.error(str(error))

    def _of_tests(self, state: State) -> Iterator[PolicyFileError]:
        for number, policy in enumerate(self.policies):
            yield from self._of_cases(state, policy.tests or [], ("policies", number, "tests"), policy)
        yield from self._of_cases(state, self.tests, ("tests",), None)

    def _of_cases(
        self, state: State, cases: list[PolicyCase], path: Path, judged: Policy | None
    ) -> Iterator[PolicyFileError]:
        wrong = [
            problem
            for number, case in enumerate(cases)
            for problem in self._caught((*path, number), partial(trials.check_case, case, state))
        ]
        yield from wrong
        for number, failure in [] if wrong else trials.failures(state, cases, judged):
            yield self.root.find((*path, number)).error(failure)

    def _caught(self, path: Path, check: Callable[[], Any]) -> Iterator[PolicyFileError]:
        """What `check` finds wrong with what stands at `path`."""
        try:
            check()
        except InvalidChangeError as error:
            of = "" if error.field in ("input", "tests") else f"{error.field}: "
            yield self.root.find((*path, error.field)).error(f"{of}{error}")


def _type(shape: TypeShape) -> ResourceType:
    made: ResourceType = ResourceType.model_construct(id=shape.name, **_fields(shape))
    return made


def _role(shape: RoleShape) -> Role:
    grants = [Grant(effect=each.effect, action=each.action, condition=each.condition) for each in shape.grants]
    made: Role = Role.model_construct(id=shape.name, **{**_fields(shape), "grants": grants})
    return made


def _policy(shape: PolicyShape) -> Policy:
    made: Policy = Policy.model_construct(id=shape.name, **_fields(shape))
    return made


def _fields(shape: TypeShape | RoleShape | PolicyShape) -> dict[str, Any]:
    return {name: getattr(shape, name) for name in type(shape).model_fields if name != "name"}
