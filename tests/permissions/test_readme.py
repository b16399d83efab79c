"""The table of strategies in the README, put to the demo's rules."""

import re
from pathlib import Path

from models.database import Database
from permissions.builtin import demo_roles, demo_types
from permissions.engine.conflicts import ConflictStrategy
from permissions.engine.facts import Assignment, Env, Resource, Subject
from permissions.engine.snapshot import Conventions, Snapshot
from permissions.resources import TYPES
from permissions.state import engine_role, engine_type
from tests.permissions.worlds import NOON

README = (Path(__file__).parents[2] / "README.md").read_text()
HEAD, _, *ROWS = README[README.index("| John (analyst 3") :].split("\n\n")[0].splitlines()
STRATEGIES = [ConflictStrategy(each) for each in re.findall(r"`(\w+)`", HEAD)]
CELLS = [
    (action, strategy, cell.strip())
    for row in ROWS
    for action, *cells in [re.split(r"\s*\|\s*", row.strip("| "))]
    for strategy, cell in zip(STRATEGIES, cells, strict=True)
]
JOHN = Subject("john", tuple(map(Assignment, ("analyst", "guest", "report_viewer"))))


async def test_the_table_says_what_the_engine_decides(database: Database) -> None:
    roles = demo_roles()
    assert len(CELLS) == 16
    assert set(STRATEGIES) == set(ConflictStrategy)
    priorities = {role.id: str(role.priority) for role in roles}
    assert dict(re.findall(r"(\w+) (\d)", HEAD)) == {each.role: priorities[each.role] for each in JOHN.assignments}

    types = [*TYPES.values(), *map(engine_type, demo_types())]
    world = Snapshot(map(engine_role, roles), conventions=Conventions.of(types))
    for action, strategy, said in CELLS:
        decision = world.decide(
            JOHN, action.strip("`"), Resource(action.strip("`").partition(":")[0]), Env(NOON), strategy
        )
        deciding = sorted({re.sub(r"role (\w+): .*", r"\1", each) for each in decision.decided_by})
        assert said == f"{decision.effect} ({', '.join(deciding)})", (action, strategy)
