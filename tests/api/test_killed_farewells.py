"""A worker that is killed while it tells many that they have lost a right: who was told, was told what is so."""

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from api.cli.serve import environment
from models.embedded import EmbeddedStores
from permissions.audit.blocks import Blocks
from permissions.audit.chain import Sealer
from permissions.audit.checking import check
from resolvers.ids import encode
from tests.api.test_many_on_a_socket import hear, joined
from tests.api.test_socket_expiry import listening, opened
from tests.benchmarks.servers import serving_beside
from tests.permissions.audit.checked import stored
from tests.processes import kill_9
from tests.resolvers.chat.documents import start
from tests.served import QUIET, SECRET, Served, settings_on

SHARE: Final = "mutation ($input: ShareConversationInput!) { shareConversation(input: $input) { conversation { id } } }"
FOLLOW: Final = """subscription ($id: ID!) { conversationEvents(conversationId: $id) {
  cursor ... on AccessRevoked { reason decisionId } } }"""
FOLLOWERS: Final = 300
"""Of whom 200 at a time are told."""


async def test_whoever_was_told_a_denial_finds_it_in_the_log_once_and_the_others_are_told_when_they_come_back(
    served: Served, stores: EmbeddedStores, tmp_path: Path
) -> None:
    alice, guest = await served.as_("alice"), await served.as_("guest")
    conversation = await start(alice)
    share = {"conversationId": conversation, "userId": encode("User", served.people["guest"].id)}
    assert (await alice.ask(SHARE, input=share)).data
    settings = settings_on(stores, served.services.database.db.name, **QUIET)
    async with (
        serving_beside("api.worker", environment(settings), tmp_path / "worker.log") as server,
        opened(f"ws://127.0.0.1:{server.port}/graphql", str(guest.token)) as client,
    ):
        ids = [str(number) for number in range(FOLLOWERS)]
        for id_ in ids:
            await follow(client, id_, conversation)
        await joined(served, client, conversation, ids)
        assert (await alice.ask(SHARE, input=share | {"access": "NONE"})).data
        told = await told_until_killed(client, server.pid)
    decisions = Counter(each["decisionId"] for each in told)
    logged = Counter(record.decision for record in await stored(served.services.database) if record.effect == "deny")
    assert decisions
    assert all(logged[each] == 1 for each in decisions), "each is there, and once"
    assert set(decisions.values()) == {1}
    assert set(logged.values()) == {1}
    blocks, anchor = Blocks(served.services.database.db), served.services.audit._writer._anchor
    assert (await check(blocks, Sealer(SECRET), anchor)).findings == []
    async with listening(served) as address, opened(address, str(guest.token)) as client:
        await follow(client, "1", conversation)
        answer = await hear(client)
        assert "NOT_FOUND" in str(answer)


async def follow(client: ClientConnection, id_: str, conversation: str) -> None:
    payload = {"query": FOLLOW, "variables": {"id": conversation}}
    await client.send(json.dumps({"type": "subscribe", "id": id_, "payload": payload}))


async def told_until_killed(client: ClientConnection, pid: int) -> list[Any]:
    """The worker is killed as soon as one was told; all that were."""
    told: list[Any] = []
    with suppress(ConnectionClosed):
        while True:
            event = (await hear(client)).get("payload", {}).get("data", {}).get("conversationEvents", {})
            if "reason" in event:
                told.append(event)
            if len(told) == 1:
                kill_9(pid)
    assert client.close_code == 1006, "nobody said why: a client comes back"
    return told
