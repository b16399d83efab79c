"""The graph of roles."""

import time

import pytest

from permissions.engine.errors import RoleCycleError, UnknownRoleError
from permissions.engine.roles import RoleGraph


def test_a_diamond_is_reached_once() -> None:
    graph = RoleGraph({"top": ["left", "right"], "left": ["bottom"], "right": ["bottom"], "bottom": []})

    assert graph.closure("top") == ("top", "left", "right", "bottom")


def test_a_role_that_is_not_there_reaches_nothing() -> None:
    assert RoleGraph({}).closure("ghost") == ()


@pytest.mark.parametrize(
    ("parents", "path"),
    [
        ({"a": ["a"]}, ("a", "a")),
        ({"admin": ["analyst"], "analyst": ["admin"]}, ("admin", "analyst", "admin")),
        ({"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}, ("a", "b", "c", "a")),
        ({"a": ["b", "c"], "b": [], "c": ["d"], "d": ["b", "c"]}, ("c", "d", "c")),
    ],
)
def test_a_cycle_is_refused_with_its_path(parents: dict[str, list[str]], path: tuple[str, ...]) -> None:
    with pytest.raises(RoleCycleError) as refused:
        RoleGraph(parents)

    assert refused.value.path == path
    assert " → ".join(path) in str(refused.value)


def test_inheriting_from_nothing_is_refused() -> None:
    with pytest.raises(UnknownRoleError) as refused:
        RoleGraph({"analyst": ["nobody"]})

    assert (refused.value.role, refused.value.parent) == ("analyst", "nobody")


def test_ten_thousand_roles_fifty_deep_are_no_walk_of_every_way() -> None:
    parents = {
        f"{level}-{n}": [f"{level + 1}-{(n * k + 1) % 200}" for k in (1, 3, 7)] if level < 49 else []
        for level in range(50)
        for n in range(200)
    }
    started = time.process_time()
    graph = RoleGraph(parents)

    assert len(graph.closure("0-0")) > 1000
    assert time.process_time() - started < 10  # it would take for ever if each way through were walked


def test_a_chain_of_ten_thousand_is_no_recursion() -> None:
    chain = {str(n): [str(n + 1)] for n in range(10_000)} | {"10000": []}

    assert len(RoleGraph(chain).closure("0")) == 10_001
