"""What must hold of the stored tree at every instant, read from the raw documents."""

from itertools import pairwise

from beanie import PydanticObjectId
from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.tree import MAIN


async def check_well_formed(db: AsyncDatabase[Record], conversation_id: PydanticObjectId) -> None:
    """Every branch that can be found is one run without gaps, leaves a message that exists, and has one open end."""
    buckets: dict[str, list[Record]] = {}
    async for bucket in db.buckets.find({"conversation_id": conversation_id}):
        buckets.setdefault(bucket["branch"], []).append(bucket)
    for run in buckets.values():
        run.sort(key=lambda bucket: bucket["first_depth"])
    branches = await db.branches.find({"conversation_id": conversation_id}).to_list()
    for branch in branches:
        _check_run(branch, buckets.get(branch["branch"], []))
        if branch["parent_branch"]:
            _check_parent(branch, buckets[branch["parent_branch"]])
    published = {branch["branch"] for branch in branches}
    assert MAIN in published
    for hidden in buckets.keys() - published:
        assert sum(len(bucket["messages"]) for bucket in buckets[hidden]) == 1, "an answer to what nobody can see"


def _check_run(branch: Record, run: list[Record]) -> None:
    if not run:
        assert branch["branch"] == MAIN, "a branch without messages"
        return
    depths = [message["depth"] for bucket in run for message in bucket["messages"]]
    assert depths == list(range(branch["fork_depth"], branch["fork_depth"] + len(depths)))
    assert [bucket["messages"][0]["depth"] for bucket in run] == [bucket["first_depth"] for bucket in run]
    assert run[-1]["tail"] == branch["branch"]
    assert run[-1]["next_depth"] == depths[-1] + 1
    # A crash may leave an earlier bucket marked, but never open.
    assert not any(bucket.get("open") for bucket in run[:-1])
    assert all(earlier["first_depth"] < later["first_depth"] for earlier, later in pairwise(run))


def _check_parent(branch: Record, parent: list[Record]) -> None:
    left = [m for bucket in parent for m in bucket["messages"] if m["depth"] == branch["fork_depth"] - 1]
    assert len(left) == 1
