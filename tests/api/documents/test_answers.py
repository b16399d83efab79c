"""An answer has so many bytes, and no more is read for one: what doesn't fit is not even put together."""

import json
from dataclasses import replace
from typing import Any, Final

import httpx
import pytest

from api.documents.limits import DEFAULT_LIMITS
from api.schema import build_schema
from models.tree.meter import AT_ONCE, MESSAGE_BYTES, Meter
from tests.api.documents.test_limits import serving
from tests.api.test_event_streams import streaming
from tests.api.test_socket_expiry import listening, opened
from tests.resolvers.chat.documents import append, start
from tests.served import Caller, Served

MEBIBYTE: Final = 1024 * 1024
SCHEMA: Final = build_schema(replace(DEFAULT_LIMITS, answer_bytes=4 * MEBIBYTE))
PAGE: Final = "messages(first: 100) { edges { node { content } } }"


async def caller(served: Served, name: str = "alice") -> Caller:
    """Somebody, at a server whose answers have 4 MiB."""
    known = await served.as_(name)
    transport = httpx.ASGITransport(serving(served, SCHEMA))
    return Caller(httpx.AsyncClient(transport=transport, base_url="http://parley.test"), known.user, known.token)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of messages that were counted."""
    seen: list[int] = []
    add = Meter.add

    def noted(meter: Meter, size: int) -> None:
        seen.append(size)
        add(meter, size)

    monkeypatch.setattr(Meter, "add", noted)
    return seen


async def test_pages_of_large_messages_are_refused_before_all_are_read(served: Served, read: list[int]) -> None:
    alice = await caller(served)
    async with alice.http:
        conversation = await start(alice)
        for _ in range(3):
            await append(alice, conversation, "x" * (MEBIBYTE - 1024))
        read.clear()
        one = await alice.ask(f"query ($id: ID!) {{ conversation(id: $id) {{ {PAGE} }} }}", id=conversation)
        assert len(one.data["conversation"]["messages"]["edges"]) == 3
        few = sum(read)
        read.clear()
        aliases = " ".join(f"a{each}: {PAGE}" for each in range(90))
        many = await alice.ask(f"query ($id: ID!) {{ conversation(id: $id) {{ {aliases} }} }}", id=conversation)
        assert many.codes[0] == "QUERY_TOO_COMPLEX"
        assert many.body["errors"][0]["extensions"]["limit"] == "answer_bytes"
        assert sum(read) <= (AT_ONCE + 1) * few  # of 90 pages: those that were under way came to their end
        assert len(many.body["errors"]) <= 90
        again = await alice.ask("{ me { id } }")
        assert again.data["me"]["id"]


async def test_what_is_read_once_and_told_often_is_refused_whole(served: Served) -> None:
    alice = await caller(served)
    async with alice.http:
        conversation = await start(alice)
        await append(alice, conversation, "x" * 1_000_000)
        for aliases, refused in ((4, False), (5, True)):
            contents = " ".join(f"a{each}: content" for each in range(aliases))
            query = (
                f"query ($id: ID!) {{ conversation(id: $id) {{ messages {{ edges {{ node {{ {contents} }} }} }} }} }}"
            )
            answer = await alice.ask(query, id=conversation)
            assert (answer.codes == ["QUERY_TOO_COMPLEX"]) is refused
            assert (answer.body["data"] is None) is refused


async def test_free_forms_count_with_all_that_is_in_them(served: Served) -> None:
    alice = await caller(served)
    async with alice.http:
        attributes: dict[str, Any] = {f"k{each}": ["v" * 100] * 10 for each in range(9)}
        conversation = await start(alice, attributes=attributes)
        each = " ".join(f"a{number}: attributes" for number in range(90))
        few = f"query ($id: ID!) {{ conversation(id: $id) {{ {each} }} }}"
        assert "errors" not in (await alice.ask(few, id=conversation)).body
        rows = " ".join(f"b{number}: conversation(id: $id) {{ attributes }}" for number in range(9))
        assert "errors" not in (await alice.ask(f"query ($id: ID!) {{ {rows} }}", id=conversation)).body
        ids = [conversation] * 100
        wide = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Conversation {{ {each} }} }} }}"
        answer = await alice.ask(wide, ids=ids)
        assert answer.codes == ["QUERY_TOO_COMPLEX"]
        assert answer.body["data"] is None


def test_a_meter_is_exact() -> None:
    meter = Meter(10_000)
    meter.messages([{"content": "x" * (10_000 - MESSAGE_BYTES)}])
    with pytest.raises(Exception, match="would exceed 10,000 bytes"):
        meter.add(1)
    with pytest.raises(Exception, match="would exceed 10,000 bytes"):
        meter.require()


FOLLOW: Final = """subscription ($id: ID!) { conversationEvents(conversationId: $id, after: "0-0") { __typename
  ... on MessageAdded { message { a: content b: content c: content d: content } } } }"""


async def test_each_event_of_a_subscription_counts_by_itself(served: Served) -> None:
    """One that is too large is an error in its place, and the next one comes, however many have come."""
    served.app = serving(served, build_schema(replace(DEFAULT_LIMITS, answer_bytes=100_000)))
    alice = await served.as_("alice")
    conversation = await start(alice)
    sent = {"id": "1", "type": "subscribe", "payload": {"query": FOLLOW, "variables": {"id": conversation}}}
    async with (
        listening(served) as address,
        opened(address, alice.token or "") as socket,
        streaming(address, alice.token, FOLLOW, id=conversation) as reader,
    ):
        await socket.send(json.dumps(sent))
        assert (await reader.event())[1]["data"]["conversationEvents"]["__typename"] == "ResyncRequired"
        assert "ResyncRequired" in str(await socket.recv())  # what follows is exact
        for size in (20_000, 30_000, 20_000, 20_000):
            await append(alice, conversation, "x" * size)
            for payload in ((await reader.event())[1], json.loads(await socket.recv())["payload"]):
                codes = [error["extensions"]["code"] for error in payload.get("errors", ())]
                assert codes == (["QUERY_TOO_COMPLEX"] if size == 30_000 else []), size
                assert (payload["data"] is None) is (size == 30_000)
