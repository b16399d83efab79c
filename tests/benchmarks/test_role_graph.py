"""How long it takes to compile many roles, deep and full of diamonds."""

import time
from typing import Final

import pytest

from permissions.engine.rulebook import Grant, Role
from permissions.engine.rules import Effect
from permissions.engine.snapshot import Snapshot
from tests.benchmarks.report import Table, publish

ROLES: Final = 10_000
DEEP: Final = 50
WIDE: Final = ROLES // DEEP
LIMIT_SECONDS: Final = 1.0

pytestmark = pytest.mark.benchmark


def deep_roles() -> list[Role]:
    """Layers of roles, each inheriting from three of the layer below."""
    return [_role(number) for number in range(ROLES)]


def _role(number: int) -> Role:
    layer, place = divmod(number, WIDE)
    below = {(layer - 1) * WIDE + (7 * place + 31 * step) % WIDE for step in range(3)} if layer else set[int]()
    grants = (
        Grant(Effect.ALLOW, f"type_{number % 50}:read"),
        Grant(Effect.ALLOW, "conversation:read", "user.region == resource.region"),
    )
    return Role(f"role_{number}", tuple(f"role_{each}" for each in sorted(below)), grants, number % 9)


def test_ten_thousand_roles_in_a_deep_graph_are_compiled_within_a_second() -> None:
    roles = deep_roles()
    started = time.perf_counter()
    snapshot = Snapshot(roles)
    compiled = time.perf_counter() - started
    reached = len(snapshot.graph.closure(f"role_{ROLES - 1}"))
    figures = [f"{ROLES:,}", str(DEEP), f"{compiled:.2f}", f"{reached - 1:,}"]
    publish("roles", [Table("Compiling roles", ["roles", "deep", "seconds", "inherited by the last"], [figures])])
    assert reached > ROLES / 2
    assert compiled < LIMIT_SECONDS
