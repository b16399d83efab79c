"""Those who share what they are told are told what each would be told alone, and nothing else."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, Final

import pytest

from resolvers.ids import encode
from tests.api.fanout.crowds import PATIENCE_SECONDS, Crowd, Reader, crowd_of, cursors, since
from tests.resolvers.chat.documents import EDIT, append, start
from tests.resolvers.chat.writing import begin, finish, stream, went_on
from tests.served import Caller, Served

PLAIN: Final = """subscription ($id: ID!, $after: String) { conversationEvents(conversationId: $id, after: $after) {
  __typename cursor
  ... on MessageAdded { message { ...M } }
  ... on MessageChanged { message { ...M } }
  ... on MessageDelta { messageId offset text }
  ... on MessageDeleted { messageId }
  ... on ResyncRequired { reason }
  ... on ConversationChanged { conversation { title messageCount branchCount owner { displayName } } }
  ... on AccessRevoked { reason decisionId }
} }
fragment M on Message { id content status siblings { id content } author { displayName } }"""
METADATA: Final = """subscription ($id: ID!, $with: Boolean = true) { follow: conversationEvents(conversationId: $id) {
  cursor
  ... on MessageAdded { message { content metadata @include(if: $with) { llmModel } parent { metadata { extra } } } }
  ... on MessageDelta { offset text }
} }"""
OWN: Final = """subscription ($id: ID!) { conversationEvents(conversationId: $id) {
  cursor
  ... on MessageAdded { message { content author { displayName email } } }
  ... on ConversationChanged { conversation { title viewerPermissions chosenBranch { id } } }
} }"""
QUESTIONS: Final = (PLAIN, METADATA, OWN)
PEOPLE: Final = ("alice", "sara", "admin", "john", "guest", "bob")
SECRET: Final = "only-for-those-who-may"
RETITLE = """mutation ($id: ID!, $t: String) {
  updateConversation(input: {conversationId: $id, title: $t}) { conversation { id } } }"""
DELETE = "mutation ($id: ID!) { deleteMessage(input: {messageId: $id}) { messageId } }"
SHARE = "mutation ($input: ShareConversationInput!) { shareConversation(input: $input) { conversation { id } } }"
Pair = tuple[str, str, Reader, Reader]


@pytest.mark.parametrize("seed", range(3))
async def test_a_shared_answer_is_the_one_that_each_would_get_alone(served: Served, seed: int) -> None:
    chance, alice = random.Random(seed), await served.as_("alice")
    conversation, messages = await _conversation(served, alice)
    async with crowd_of(served) as crowd:
        pairs = [await _pair(crowd, conversation, chance) for _ in range(14)]
        everybody = [reader for *_, shared, alone in pairs for reader in (shared, alone)]
        began = await crowd.heard(conversation, *everybody)

        async def heard() -> None:
            """What an event shows is as it is when it is told: nothing changes before all were told."""
            await crowd.heard(conversation, *everybody)

        for _ in range(5):
            await _something(heard, alice, conversation, messages, chance)
            await heard()
        for name, query, shared, alone in pairs:
            assert since(shared, began) == since(alone, began), (name, query)
            assert shared.done == alone.done
            if name == "john":
                assert not any(SECRET.encode() in body for body in shared.bodies)


async def test_who_asks_the_same_with_the_same_rights_costs_nothing(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, _ = await _conversation(served, alice)
    async with crowd_of(served) as crowd:
        readers = [(await crowd.enter(name, PLAIN, id=conversation))[1] for name in ("alice", "sara", "admin") * 10]
        await crowd.heard(conversation, *readers)
        before, told = crowd.renderer.rendered, len(readers[0].bodies)
        await append(alice, conversation, "once")
        await crowd.heard(conversation, *readers)
        assert crowd.renderer.rendered - before == len(readers[0].bodies) - told
        assert all(reader.bodies == readers[0].bodies for reader in readers)


async def test_no_answer_is_kept_while_nobody_is_behind(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, _ = await _conversation(served, alice)
    async with crowd_of(served) as crowd:
        member, stuck = await crowd.enter("sara", PLAIN, id=conversation)
        _, other = await crowd.enter("sara", PLAIN, id=conversation)
        began = await crowd.heard(conversation, stuck, other)
        assert member.group is not None
        log = member.group.log
        await _until(lambda: log.after(log.last - 1) is None)
        stuck.stick()
        said = [await crowd.say(conversation) for _ in range(5)]
        await crowd.heard(conversation, other)
        assert log.after(log.last - 1) is not None
        stuck.go_on()
        await crowd.heard(conversation, stuck, other)
        assert cursors(stuck)[cursors(stuck).index(began) + 1 :][:5] == said
        await crowd.heard(conversation, stuck, other)
        await _until(lambda: log.after(log.last - 1) is None)


async def test_variables_in_another_order_and_others_places_are_the_same_question(served: Served) -> None:
    async with crowd_of(served) as crowd:
        for long in (PLAIN, METADATA):
            assert await crowd.schema.judge(long, None) == []  # as who asks does first
        id_ = encode("Conversation", "a" * 24)
        one = crowd.questions.asked(PLAIN, None, {"id": id_, "after": "1-0"})
        other = crowd.questions.asked(PLAIN, None, {"after": "2-0", "id": id_, "unknown": 1})
        assert one is not None
        assert other is not None
        assert one.question is other.question
        assert (one.after, other.after) == ("1-0", "2-0")
        third = crowd.questions.asked(METADATA, None, {"with": True, "id": id_})
        fourth = crowd.questions.asked(METADATA, None, {"id": id_, "with": True})
        fifth = crowd.questions.asked(METADATA, None, {"id": id_, "with": False})
        assert third is not None
        assert fourth is not None
        assert fifth is not None
        assert third.question is fourth.question
        assert third.question is not fifth.question


async def test_a_reader_who_reads_nothing_is_told_to_resync_and_nobody_else_feels_it(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, _ = await _conversation(served, alice)
    async with crowd_of(served, capacity=5) as crowd:
        _, stuck = await crowd.enter("sara", PLAIN, id=conversation)
        others = [(await crowd.enter("sara", PLAIN, id=conversation))[1] for _ in range(20)]
        began = await crowd.heard(conversation, stuck, *others)
        stuck.stick()
        said = [await crowd.say(conversation) for _ in range(12)]
        await crowd.heard(conversation, *others)
        assert all(cursors(other)[-len(said) - 1 : -1] == said or said[-1] in cursors(other) for other in others)
        assert not any("ResyncRequired" in str(other.told) for other in others)
        assert cursors(stuck)[-1] == began
        stuck.go_on()
        await crowd.heard(conversation, stuck)
        told = [body["data"]["conversationEvents"]["__typename"] for body in since(stuck, began)]
        assert told.count("ResyncRequired") == 1
        assert sorted(cursors(stuck), key=_place) == cursors(stuck)
        await append(alice, conversation, "exact again")
        last = await crowd.heard(conversation, stuck, *others)
        assert stuck.told[-2:] == others[0].told[-2:], last


async def test_who_comes_back_is_told_what_he_missed_and_then_shares(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, _ = await _conversation(served, alice)
    async with crowd_of(served) as crowd:
        _, first = await crowd.enter("alice", PLAIN, id=conversation)
        left = await crowd.heard(conversation, first)
        for number in range(3):
            await append(alice, conversation, f"missed {number}")
        await crowd.heard(conversation, first)
        member, back = await crowd.enter("sara", PLAIN, id=conversation, after=left)
        await append(alice, conversation, "together")
        await crowd.heard(conversation, first, back)
        assert back.told == since(first, left)[: len(back.told)]
        assert member.group is not None
        assert len(member.group.members) == 2


async def test_rights_that_are_lost_end_it_and_rights_that_change_show_at_the_next_event(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, _ = await _conversation(served, alice)
    async with crowd_of(served) as crowd:
        readers = {name: (await crowd.enter(name, METADATA, id=conversation))[1] for name in ("alice", "guest", "sara")}
        revoked = (await crowd.enter("guest", PLAIN, id=conversation))[1]
        await crowd.heard(conversation, *readers.values(), revoked)
        guest = encode("User", served.people["guest"].id)
        nothing = {"conversationId": conversation, "userId": guest, "access": "NONE"}
        (await alice.ask(SHARE, input=nothing)).data  # noqa: B018
        await append(alice, conversation, "without him", metadata={"llmModel": SECRET})
        await crowd.heard(conversation, readers["alice"], readers["sara"], readers["guest"], revoked)
        assert readers["guest"].done
        assert "without him" not in str(readers["guest"].told)
        assert "without him" in str(readers["sara"].told)
        assert revoked.told[-1]["data"]["conversationEvents"]["__typename"] == "AccessRevoked"
        assert sum("AccessRevoked" in str(body) for body in revoked.told) == 1


async def _conversation(served: Served, alice: Caller) -> tuple[str, list[dict[str, Any]]]:
    """Of alice; sara and the admin read it by a role, the guest and john by a share, bob on a branch only."""
    conversation = await start(alice, attributes={"region": "EMEA", "clearance_required": 1})
    first = await append(alice, conversation, "first", metadata={"llmModel": SECRET})
    second = await append(alice, conversation, "second")
    for name in ("guest", "john"):
        user = encode("User", served.people[name].id)
        (await alice.ask(SHARE, input={"conversationId": conversation, "userId": user})).data  # noqa: B018
    bob = encode("User", served.people["bob"].id)
    edited = (await alice.ask(EDIT, input={"messageId": second["id"], "content": "fork"})).data["editMessage"]
    branch = edited["message"]["branch"]["id"]
    shared = {"conversationId": conversation, "userId": bob, "branchId": branch}
    (await alice.ask(SHARE, input=shared)).data  # noqa: B018
    return conversation, [first, second, edited["message"]]


async def _pair(crowd: Crowd, conversation: str, chance: random.Random) -> Pair:
    name, query = chance.choice(PEOPLE), chance.choice(QUESTIONS)
    _, shared = await crowd.enter(name, query, id=conversation)
    return name, query, shared, await crowd.alone(name, query, id=conversation)


async def _something(
    heard: Callable[[], Awaitable[None]],
    alice: Caller,
    conversation: str,
    messages: list[dict[str, Any]],
    chance: random.Random,
) -> None:
    match chance.randrange(6):
        case 0 | 1:
            more = {"metadata": {"llmModel": SECRET}} if chance.random() < 0.5 else {}
            parent = chance.choice(messages)["id"]
            messages.append(await append(alice, conversation, f"m{len(messages)}", parentId=parent, **more))
        case 2:
            of = chance.choice(messages[:3])["id"]
            messages.append(
                (await alice.ask(EDIT, input={"messageId": of, "content": "e"})).data["editMessage"]["message"]
            )
        case 3:
            answer, offset = await begin(alice, conversation), 0
            await heard()
            for _ in range(3):
                offset = went_on(await stream(alice, answer, offset, "größer "))
            (await finish(alice, answer, offset, metadata={"llmModel": SECRET})).data  # noqa: B018
        case 4:
            (await alice.ask(RETITLE, id=conversation, t=f"t{chance.random()}")).data  # noqa: B018
        case 5:
            if len(messages) > 4:
                (await alice.ask(DELETE, id=messages.pop()["id"])).data  # noqa: B018


async def _until(there: Callable[[], bool]) -> None:
    """What all have heard may be kept until the room is done with it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in count():
            if there():
                return
            await asyncio.sleep(0)


def _place(cursor: str) -> tuple[int, ...]:
    return tuple(map(int, cursor.split("-")))
