"""What two wait for is not taken from the one by the other's giving up."""

import asyncio

import pytest

from resolvers.loading import SharedLoader
from tests.served import Served


async def test_who_is_cancelled_takes_nothing_from_others() -> None:
    loads: list[list[int]] = []

    async def load(keys: list[int]) -> list[int]:
        loads.append(keys)
        return keys

    loader: SharedLoader[int, int] = SharedLoader(load)

    async def wait() -> list[int]:
        return await loader.load_many([1, 2])

    one, other = asyncio.ensure_future(wait()), asyncio.ensure_future(wait())
    asyncio.get_running_loop().call_soon(one.cancel)
    assert await other == [1, 2]
    with pytest.raises(asyncio.CancelledError):
        await one
    assert await loader.load(1) == 1
    assert loads == [[1, 2]]


async def test_a_field_that_fails_beside_others_ends_no_request(served: Served) -> None:
    """`sessions` may not be null: where it is refused, what its neighbours load is cancelled."""
    john = await served.as_("john")
    below = "owner { displayName sessions { id } roleAssignments { id grantedBy { id } } }"
    asked = " ".join(f"a{n}: conversations {{ edges {{ node {{ {below} }} }} }}" for n in range(4))
    admin = await served.as_("admin")
    for caller in (john, admin):
        for _ in range(3):
            await caller.ask("mutation { startConversation(input: {}) { conversation { id } } }")
    answer = await admin.ask(f"{{ {asked} me {{ sessions {{ id }} }} }}")
    assert answer.status == 200
