"""A page that is kept is answered as graphql-core answers it anew: to all, by their rights, after each change."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from api.compiler.keeping import MOST, MOST_FIELDS
from models.bucket import MessageRole
from models.conversation import Conversation
from models.tree import MAIN, Address, Draft
from permissions.engine.facts import Resource
from resolvers.chat.tree import Message, MessageMetadata
from resolvers.ids import encode, object_id
from resolvers.steady import Steady
from tests.differential.cases import Case
from tests.differential.executing import Executors
from tests.differential.outcomes import Outcome
from tests.differential.people import CALLERS, People
from tests.isolation.planting import WHOLE, do
from tests.isolation.tenants import World
from tests.resolvers.chat.test_sharing import stored

PAGES: Final = tuple(
    f"messages(branch: $branch, {size}) {{ {fields} }}"
    for size, fields in (
        ("last: 50", "edges { cursor node { id content createdAt metadata { tokensUsed extra } } }"),
        ("last: 50", "pageInfo { endCursor } edges { node { siblingCount contentLength } }"),
        ("last: 2", "edges { node { content author { id } ... on Message { metadata { llmModel } } } }"),
        ("first: 3", "__typename edges { node { metadata { latencyMs } metadata { tokensUsed } b: content } }"),
    )
)
ROUNDS: Final = 3
Change = Callable[[World, Conversation], Awaitable[Any]]


def asked(conversation: str, fields: str, caller: str) -> Case:
    main = encode("Branch", object_id(conversation, "Conversation"), MAIN)
    text = f'query ($branch: ID) {{ conversation(id: "{conversation}") {{ {fields} }} }}'
    return Case(text, {"branch": main}, caller=caller)


async def alike(executors: Executors, conversation: str, fields: str) -> dict[str, Outcome]:
    """What everybody is told, by both ways."""
    found = {}
    for caller in CALLERS:
        case = asked(conversation, fields, caller)
        found[caller] = await executors.compiled(case)
        core = await executors.by_core(case)
        differences = set(found[caller].differences(core)) - {"calls"}  # the first one finds out where the branch ends
        assert not differences, (caller, fields, found[caller], core)
    return found


async def everything(executors: Executors, conversation: str) -> dict[tuple[str, str], str]:
    """All pages, by caller, as everybody is told of them time and again."""
    for _ in range(ROUNDS):
        found = {
            (caller, fields): outcome.data
            for fields in PAGES
            for caller, outcome in (await alike(executors, conversation, fields)).items()
        }
    return found


async def test_everybody_is_told_the_same_of_a_page_that_is_kept(executors: Executors, world: World) -> None:
    for name in world.chats:
        told = await everything(executors, world.chat_id(name))
        assert told == await everything(executors, world.chat_id(name))


async def test_a_page_that_is_kept_is_made_once(
    executors: Executors, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    for kind, function in ((Message, "page"), (MessageMetadata, "of")):
        monkeypatch.setattr(kind, function, _noting(made, function, getattr(kind, function)))
    conversation = world.chat_id(WHOLE)
    case = asked(conversation, PAGES[0], WHOLE)
    outcomes = [await executors.compiled(case) for _ in range(8)]
    assert made == ["page", *["of"] * 3] * 3, "read, as nothing is known; as the end is; again, from when on it is kept"
    assert len({outcome.data for outcome in outcomes}) == 1
    assert len({outcome.counted for outcome in outcomes}) == 1
    assert len({outcome.allowed for outcome in outcomes}) == 1, "guards are asked each time"


async def test_of_a_page_few_answers_are_kept_and_none_that_is_large(
    executors: Executors, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else who asks for the same page in a thousand ways would fill a worker's memory."""
    kept: list[Steady] = []

    def noted(about: Resource) -> Steady:
        kept.append(Steady(about))
        return kept[-1]

    monkeypatch.setattr("resolvers.chat.pages.Steady", noted)
    conversation = world.chat_id(WHOLE)

    async def ask(fields: str) -> None:
        for _ in range(5):
            await executors.compiled(asked(conversation, fields, WHOLE))

    for number in range(MOST + 2):
        await ask(f"messages(branch: $branch, last: 50) {{ edges {{ n{number}: node {{ content }} }} }}")
        assert [len(each.answers) for each in kept] == [number % MOST + 1]
    many = " ".join(f"n{number}: content" for number in range(MOST_FIELDS))
    before = list(kept[0].answers)
    await ask(f"messages(branch: $branch, last: 50) {{ edges {{ node {{ {many} }} }} }}")
    assert list(kept[0].answers) == before


async def _append(world: World, conversation: Conversation) -> None:
    await world.served.services.tree.append_at_end(conversation, MAIN, Draft(MessageRole.USER, "another"))


async def _fork(world: World, conversation: Conversation) -> None:
    await world.served.services.tree.append(conversation, None, Draft(MessageRole.USER, "another beginning"))


async def _delete(world: World, conversation: Conversation) -> None:
    await world.served.services.tree.delete(conversation, Address(MAIN, 1), None)


async def _remove(world: World, conversation: Conversation) -> None:
    await world.served.services.tree.remove(conversation, Address(MAIN, 2), None)


async def _owner(world: World, conversation: Conversation) -> None:
    """Bob has it now, in another region than hers who had it."""
    change = {"$set": {"owner_id": world.people["bob"].id, "attributes.region": "US-West"}}
    await world.served.services.database.db.conversations.update_one({"_id": conversation.id}, change)


@pytest.mark.parametrize("change", [_append, _fork, _delete, _remove, _owner])
async def test_what_has_changed_is_told(executors: Executors, world: World, change: Change) -> None:
    conversation = world.chat_id(WHOLE)
    before = await everything(executors, conversation)
    await change(world, await stored(conversation))
    executors.contexts = await People.of(world)
    assert await everything(executors, conversation) != before


async def test_who_loses_a_right_is_refused_at_once(executors: Executors, world: World) -> None:
    """By the same page that he was shown before, and others still are."""
    conversation = world.chat_id(WHOLE)
    before = await everything(executors, conversation)
    for fields in PAGES:
        assert before[WHOLE, fields] == before["root", fields] != before["nobody", fields]
    await _owner(world, world.chats[WHOLE])
    executors.contexts = await People.of(world)
    after = await everything(executors, conversation)
    for fields in PAGES:
        assert after[WHOLE, fields] == before["nobody", fields]
        assert after["root", fields] == before["root", fields]


async def test_who_may_not_see_metadata_is_refused_it_field_by_field(executors: Executors, world: World) -> None:
    """On a page that was made for somebody who may."""
    conversation, sara = world.chat_id(WHOLE), await world.served.as_(WHOLE)
    john = encode("User", world.people["john"].id)
    await do(sara, "shareConversation", conversationId=conversation, userId=john)
    executors.contexts = await People.of(world)
    for _ in range(ROUNDS):
        told = await alike(executors, conversation, PAGES[0])
    assert '"tokensUsed": 7' in told[WHOLE].data
    assert not told[WHOLE].errors
    assert '"content": "common' in told["john"].data
    assert "tokensUsed" not in told["john"].data
    assert len(told["john"].errors) == told["john"].data.count('"metadata": null') > 1
    assert len(told["john"].denied) == 1


def _noting(made: list[str], name: str, function: Any) -> Any:
    def noted(*given: Any, **named: Any) -> Any:
        made.append(name)
        return function(*given, **named)

    return noted
