"""`usage`: what may be read is counted, and nothing of the rest shows."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from beanie import PydanticObjectId

from api.usage import roll_up, rolling_up
from models.bucket import MessageRole, Metadata
from models.conversation import Conversation
from models.tree import MAIN, Draft
from models.usage import reach as reach_module
from models.usage import usage as usage_module
from resolvers.ids import encode, object_id
from tests.database_calls import database_calls
from tests.resolvers.chat.documents import append, chat, start
from tests.resolvers.chat.test_sharing import SHARE
from tests.served import Answer, Caller, Served

USAGE = """
query ($input: UsageInput!) { usage(input: $input) {
  groups { llmModel userId user { displayName } ownerId owner { displayName } role tag day hour
    figures { messages metadataWithheld tokensIn tokensOut tokensUsed latency { count p50 p95 p99 } } }
  total { messages metadataWithheld tokensUsed latency { count p50 p95 p99 } }
} }"""
DELETE = "mutation ($id: ID!) { deleteMessage(input: {messageId: $id}) { messageId } }"
RESTORE = "mutation ($id: ID!) { restoreMessage(input: {messageId: $id}) { message { id } } }"
TAGS = """mutation ($id: ID!, $tags: [String!]) {
  updateConversation(input: {conversationId: $id, tags: $tags}) { conversation { id } } }"""
YEAR = {"from": "0001-01-01T00:00:00Z", "to": "9000-12-31T00:00:00Z"}


async def usage(caller: Caller, by: Sequence[str] = (), **more: Any) -> Any:
    """What comes back, without errors."""
    return (await caller.ask(USAGE, input={"by": list(by), **more})).data["usage"]


def messages(found: Any, name: str) -> dict[Any, int]:
    return {group[name]: group["figures"]["messages"] for group in found["groups"]}


async def answered(served: Served, conversation_id: str, *models: str, at: datetime | None = None) -> None:
    """Answers in a conversation, each by a model."""
    stored = await Conversation.get(object_id(conversation_id, "Conversation"))
    assert stored
    for number, model in enumerate(models):
        metadata = Metadata(llm_model=model, tokens_in=10, tokens_out=number, latency_ms=100 + number)
        draft = Draft(MessageRole.ASSISTANT, "an answer", metadata=metadata, created_at=at)
        await served.services.tree.append_at_end(stored, MAIN, draft)


async def test_usage_by_model_as_it_is_rolled_up_and_before(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, _ = await chat(alice, 1)
    await answered(served, conversation, "large", "large", "small")
    before = await usage(alice, ["MODEL"])
    assert [group["llmModel"] for group in before["groups"]] == ["large", None, "small"]
    assert before["groups"][0]["figures"] == {
        "messages": 2,
        "metadataWithheld": 0,
        "tokensIn": 20,
        "tokensOut": 1,
        "tokensUsed": 21,
        "latency": {"count": 2, "p50": 100, "p95": 101, "p99": 101},
    }
    assert before["total"]["messages"] == 4
    assert await roll_up(served.services.database.db) == 1
    assert await usage(alice, ["MODEL"]) == before
    await answered(served, conversation, "small")
    assert messages(await usage(alice, ["MODEL"]), "llmModel") == {"large": 2, None: 1, "small": 2}


async def test_everybody_is_told_of_what_he_may_read_and_of_nothing_else(served: Served) -> None:
    """As many as his own walk through the lists finds, whoever he is."""
    callers = {name: await served.as_(name) for name in ("alice", "sara", "admin", "guest", "john")}
    for region, clearance in [("EMEA", 1), ("EMEA", 99), ("APAC", 2)]:
        for owner in ("alice", "john"):
            attributes = {"region": region, "clearance_required": clearance}
            await chat(callers[owner], 2, attributes=attributes)
    document = "{ conversations(first: 100) { edges { node { messageCount } } } }"
    for caller in callers.values():
        listed = (await caller.ask(document)).data["conversations"]["edges"]
        found = await usage(caller, ["OWNER"])
        assert found["total"]["messages"] == sum(edge["node"]["messageCount"] for edge in listed)
        assert await usage(caller, ["OWNER"], **YEAR) == found  # found by time
    assert (await usage(callers["guest"], ["MODEL", "DAY"]))["groups"] == []
    refused = await served.nobody.ask(USAGE, input={})
    assert refused.codes == ["UNAUTHENTICATED"]


async def test_who_sees_no_metadata_is_told_of_messages_only(served: Served) -> None:
    """A report viewer's own conversation: neither model nor tokens, nor whether a model was used at all."""
    viewer = await served.as_("john")
    conversation = await start(viewer)
    await answered(served, conversation, "secret", "secret")
    found = await usage(viewer, ["MODEL"])
    assert [group["llmModel"] for group in found["groups"]] == [None]
    latency = {"count": 0, "p50": None, "p95": None, "p99": None}
    assert found["total"] == {"messages": 2, "metadataWithheld": 2, "tokensUsed": 0, "latency": latency}
    assert (await usage(viewer, filter={"llmModel": "secret"}))["total"]["messages"] == 0


async def test_filters_and_groups(served: Served) -> None:
    alice = await served.as_("alice")
    assert alice.user
    one, other = await start(alice), await start(alice)
    await append(alice, one, "a question")
    await answered(served, one, "m", at=datetime(2026, 3, 28, 23, 30, tzinfo=UTC))
    await answered(served, other, "m", at=datetime(2026, 3, 29, 2, 30, tzinfo=UTC))
    me = encode("User", alice.user.id)
    assert messages(await usage(alice, ["ROLE"]), "role") == {"ASSISTANT": 2, "USER": 1}
    assert messages(await usage(alice, ["USER"]), "userId") == {None: 2, me: 1}
    assert messages(await usage(alice, ["OWNER"]), "ownerId") == {me: 3}
    assert (await usage(alice, ["OWNER"]))["groups"][0]["owner"] == {"displayName": alice.user.display_name}
    answers = {"role": "ASSISTANT"}
    assert messages(await usage(alice, ["DAY"], filter=answers), "day") == {"2026-03-28": 1, "2026-03-29": 1}
    berlin = await usage(alice, ["DAY"], filter=answers, timeZone="Europe/Berlin")
    assert messages(berlin, "day") == {"2026-03-29": 2}
    hours = await usage(alice, ["HOUR"], filter=answers, timeZone="Asia/Kathmandu")
    assert list(messages(hours, "hour")) == ["2026-03-28T23:15:00+00:00", "2026-03-29T02:15:00+00:00"]
    early = await usage(alice, filter=answers, to="2026-03-29T02:30:00Z", **{"from": "2026-03-28T23:30:00Z"})
    assert early["total"]["messages"] == 1
    for chosen, number in (
        ({"conversationId": one}, 2),
        ({"ownerId": me}, 3),
        ({"userId": me}, 1),
        ({"llmModel": "m"}, 2),
        ({"llmModel": "m", "conversationId": other}, 1),
        ({"ownerId": encode("User", PydanticObjectId())}, 0),
    ):
        assert (await usage(alice, filter=chosen, **YEAR))["total"]["messages"] == number


async def test_hostile_names_are_names(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    tags = ["a.b", "$ne", '{"$gt": ""}']
    await alice.ask(TAGS, id=conversation, tags=tags)
    await answered(served, conversation, "$sum", "a.b", "$$ROOT", "nul\x00byte")
    await roll_up(served.services.database.db)
    models = messages(await usage(alice, ["MODEL"]), "llmModel")
    assert models == {"$sum": 1, "a.b": 1, "$$ROOT": 1, "nul\x00byte": 1}
    assert messages(await usage(alice, ["TAG"]), "tag") == dict.fromkeys(tags, 4)
    assert (await usage(alice, ["TAG"]))["total"]["messages"] == 4
    for chosen, number in (
        ({"llmModel": "$sum"}, 1),
        ({"llmModel": '{"$ne": null}'}, 0),
        ({"tagsAny": ["$ne"]}, 4),
        ({"tagsAny": ["nul\x00"]}, 0),
        ({"tagsAll": ["a.b", "none"]}, 0),
    ):
        answer = await alice.ask(USAGE, input={"filter": chosen})
        assert answer.codes == ["BAD_USER_INPUT"] or answer.data["usage"]["total"]["messages"] == number


async def test_a_hidden_conversation_looks_like_none(served: Served) -> None:
    """Asked for by id, by owner, by tag: no small group tells that it is there."""
    alice, guest = await served.as_("alice"), await served.as_("guest")
    assert alice.user
    conversation, _ = await chat(alice, 3)
    await alice.ask(TAGS, id=conversation, tags=["secret"])
    unknown = encode("Conversation", PydanticObjectId())
    for by in ([], ["MODEL", "DAY", "TAG"], ["HOUR", "OWNER", "USER"]):
        answers = [
            await usage(guest, by, filter=chosen)
            for chosen in (
                {"conversationId": conversation},
                {"conversationId": unknown},
                {"ownerId": encode("User", alice.user.id)},
                {"tagsAny": ["secret"]},
            )
        ]
        assert all(answer == answers[1] for answer in answers)
        assert answers[1]["total"]["messages"] == 0


async def test_deleted_messages_count_when_they_are_back(served: Served) -> None:
    alice = await served.as_("alice")
    _, sent = await chat(alice, 3)
    await roll_up(served.services.database.db)
    await alice.ask(DELETE, id=sent[1]["id"])
    assert (await usage(alice))["total"]["messages"] == 2
    await alice.ask(RESTORE, id=sent[1]["id"])
    assert (await usage(alice))["total"]["messages"] == 3


async def test_of_a_shared_branch_only_its_path_counts(served: Served) -> None:
    alice, guest = await served.as_("alice"), await served.as_("guest")
    conversation, sent = await chat(alice, 3)
    answer = await append(alice, conversation, "another branch", parentId=sent[0]["id"])
    document = "query ($id: ID!) { node(id: $id) { ... on Message { branch { id } } } }"
    branch = (await alice.ask(document, id=answer["id"])).data["node"]["branch"]["id"]
    whom = {"userId": encode("User", served.people["guest"].id), "access": "READ", "branchId": branch}
    assert (await alice.ask(SHARE, input={"conversationId": conversation, **whom})).data
    for _ in range(2):
        assert (await usage(guest))["total"]["messages"] == 2
        assert (await usage(alice))["total"]["messages"] == 4
        await roll_up(served.services.database.db)
    await append(alice, conversation, "beside it", parentId=sent[2]["id"])
    assert (await usage(guest))["total"]["messages"] == 2


REFUSED: Sequence[tuple[dict[str, Any], str]] = (
    ({"timeZone": "Mars/Phobos"}, "timeZone"),
    ({"timeZone": "../../etc/passwd"}, "timeZone"),
    ({"timeZone": ""}, "timeZone"),
    ({"timeZone": "x\x00"}, "timeZone"),
    ({"by": ["DAY", "DAY"]}, "by"),
    ({"by": ["DAY", "HOUR", "TAG", "USER"]}, "by"),
    ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "to"),
    ({"from": "9999-01-02T00:00:00Z"}, "from"),
    ({"from": "2026-01-02T00:00:00"}, "from"),
    ({"filter": {"llmModel": "x" * 301}}, "llmModel"),
    ({"filter": {"conversationId": "x"}}, "conversationId"),
)


async def test_what_cannot_be_meant_is_refused(served: Served) -> None:
    alice = await served.as_("alice")
    for given, field in REFUSED:
        refused = await alice.ask(USAGE, input=given)
        assert (refused.codes, refused.body["errors"][0]["extensions"]["field"]) == (["BAD_USER_INPUT"], field), given


async def test_how_much_one_may_ask(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = await served.as_("alice")
    many = " ".join(f"u{n}: usage(input: {{}}) {{ total {{ messages }} }}" for n in range(4))
    assert (await alice.ask(f"{{ {many} }}")).codes == ["BAD_USER_INPUT"]
    for _ in range(3):
        await start(alice)
    monkeypatch.setattr(reach_module, "MOST_CONVERSATIONS", 2)
    refused: Answer = await alice.ask(USAGE, input={})
    assert refused.codes == ["QUERY_TOO_COMPLEX"]
    assert "more than 2 conversations" in refused.body["errors"][0]["message"]
    monkeypatch.setattr(usage_module, "PATIENCE_SECONDS", 0.01)
    counter = served.services.usage
    async with counter._turns, counter._turns:
        assert (await alice.ask(USAGE, input={})).codes == ["RATE_LIMITED"]


async def test_a_report_costs_no_more_calls_for_many_conversations_than_for_one(served: Served) -> None:
    alice = await served.as_("alice")
    costs: list[list[tuple[str, str]]] = []
    for _ in range(2):
        await chat(alice, 1)
        await chat(alice, 1)
        await roll_up(served.services.database.db)
        with database_calls(own=True) as calls:
            await usage(alice, ["MODEL"])
        costs.append([call for call in calls if call[1] in ("conversations", "buckets", "tallies")])
    assert costs[0] == costs[1]
    assert costs[0][-2:] == [("find", "buckets"), ("aggregate", "tallies")]


async def test_a_worker_may_leave_rolling_up_to_others(served: Served) -> None:
    async with rolling_up(served.services.database.db, 0):
        pass
    async with rolling_up(served.services.database.db, 3600):
        pass
