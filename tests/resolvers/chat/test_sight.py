"""With whom one branch is shared sees its path, and by no question anything else."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from models.clock import now
from models.conversation import Conversation
from models.policy import Policy
from models.role import GrantEffect
from models.search import search as search_module
from models.tree import MAIN, Address
from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Principal, new_id
from permissions.changes import SYSTEM
from resolvers.ids import branch_id, message_address, object_id
from tests.api.attachments.conftest import Sender
from tests.database_calls import database_calls
from tests.resolvers.admin.test_audit import context
from tests.resolvers.chat.documents import APPEND, EDIT, LIST, PAGE, append, contents, nodes, page, start
from tests.resolvers.chat.test_sharing import share, user_id
from tests.resolvers.chat.woods import (
    ALL,
    CHOOSE,
    COPY,
    DELETE,
    DIFF,
    LISTED,
    NODE,
    NODES,
    REMOVE,
    REST,
    RESTORE,
    SEARCH,
    WATCH,
    Wood,
    forked,
    grown,
)
from tests.served import Served, schema


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_question_tells_of_anything_beside_the_shared_path(served: Served, seed: int) -> None:
    wood = await grown(served, seed)
    asked = (await wood.ask(ALL, id=wood.conversation)).data["conversation"]
    assert (asked["messageCount"], asked["branchCount"]) == (len(wood.seen), len({each.branch for each in wood.seen}))
    assert [node["id"] for node in nodes(asked["messages"])] == list(map(wood.id, wood.seen))
    assert all(node["siblingCount"] == len(node["siblings"]) == 1 for node in nodes(asked["messages"]))
    assert {node["id"] for node in nodes(asked["branches"])} == {wood.branch(each.branch) for each in wood.seen}
    assert nodes((await wood.ask(LISTED)).data["conversations"]) == [asked]
    assert (await wood.ask(NODE, id=wood.conversation)).data["node"] == {"__typename": "Conversation", **asked}
    await walk_messages(wood)
    await walk_branches(wood)
    await walk_search(wood)


async def walk_messages(wood: Wood) -> None:
    ids = [wood.id(each) for each in wood.parents]
    for address, found in zip(wood.parents, (await wood.ask(NODES, ids=ids)).data["nodes"], strict=True):
        assert (found is not None) == (address in wood.seen)
    for address in wood.hidden[:2]:
        assert (await wood.ask(NODE, id=wood.id(address))).data["node"] is None


async def walk_branches(wood: Wood) -> None:
    names, seen = sorted({each.branch for each in wood.parents}), {each.branch for each in wood.seen}
    cursors = [wood.id(each) for each in (wood.seen[0], wood.hidden[-1])]
    for name in names:
        assert ((await wood.ask(NODE, id=wood.branch(name))).data["node"] is None) == (name not in seen)
        for arguments in ({"first": 100}, {"last": 2}, {"after": cursors[1]}, {"before": cursors[1], "last": 3}):
            answer = await wood.ask(PAGE, id=wood.conversation, branch=wood.branch(name), **arguments)
            if name not in seen:
                assert answer.codes == ["NOT_FOUND"]
            elif cursors[1] in arguments.values():
                assert answer.codes == ["BAD_USER_INPUT"]
            else:
                assert page(answer)["pageInfo"]["hasNextPage"] is False
        copied = await wood.ask(COPY, branch=wood.branch(name))
        refused = await wood.ask(COPY, branch=wood.branch(name), until=cursors[1])
        assert bool(copied.codes) == (name not in seen)
        assert refused.codes in (["NOT_FOUND"], ["BAD_USER_INPUT"])
        for other in names[:3]:
            answer = await wood.ask(DIFF, a=wood.branch(name), b=wood.branch(other))
            assert bool(answer.codes) == (not {name, other} <= seen)
        assert (await wood.ask(REST, a=wood.branch(name), b=wood.branch(name), after=cursors[1])).codes


async def walk_search(wood: Wood) -> None:
    for given in ({}, {"conversationId": wood.conversation}):
        found = (await wood.ask(SEARCH, text="common", filter=given, first=100)).data["searchMessages"]
        assert {node["id"] for node in nodes(found)} == {wood.id(each) for each in wood.seen}
        assert found["pageInfo"]["hasNextPage"] is False
        for address in wood.hidden[:3]:
            for text, more in (
                (f"word{wood.words[address]}", {}),
                ("common", {"llmModel": f"model{wood.words[address]}"}),
            ):
                found = (await wood.ask(SEARCH, text=text, filter={**given, **more})).data["searchMessages"]
                assert (found["edges"], found["pageInfo"]["hasNextPage"], found["complete"]) == ([], False, True)


async def test_what_is_hidden_is_answered_like_what_does_not_exist(served: Served) -> None:
    wood = await grown(served, 4)
    await wood.share("WRITE")
    there, nowhere = wood.hidden[0], Address("0" * 16, 1)
    branch = next(each.branch for each in wood.hidden if each.branch not in {seen.branch for seen in wood.seen})
    seen = wood.branch(wood.shared)

    async def answers(address: Address, name: str) -> list[Any]:
        message, hidden = wood.id(address), wood.branch(name)
        asked = [
            await wood.ask(NODE, id=message),
            await wood.ask(NODE, id=hidden),
            await wood.ask(APPEND, input={"conversationId": wood.conversation, "parentId": message, "content": "x"}),
            await wood.ask(EDIT, input={"messageId": message, "content": "x"}),
            await wood.ask(CHOOSE, id=hidden),
            await wood.ask(COPY, branch=hidden),
            await wood.ask(COPY, branch=seen, until=message),
            await wood.ask(DIFF, a=seen, b=hidden),
            await wood.ask(REST, a=seen, b=seen, after=message),
            await wood.ask(PAGE, id=wood.conversation, branch=hidden),
            await wood.ask(PAGE, id=wood.conversation, branch=seen, first=1, after=message),
        ]
        return [(answer.status, answer.body) for answer in asked]

    assert await answers(there, branch) == await answers(nowhere, nowhere.branch)
    assert (await wood.ask(DELETE, id=wood.id(wood.seen[0]))).codes == ["FORBIDDEN"]


async def test_a_sight_costs_one_call_and_nobody_else_any(served: Served) -> None:
    wood = await grown(served, 1)
    costs = []
    for caller in (wood.alice, wood.bob):
        await caller.ask("{ me { id } }")
        with database_calls(own=True) as calls:
            assert contents(await caller.ask(PAGE, id=wood.conversation, branch=wood.branch(wood.shared)))
        costs.append([collection for _, collection in calls if collection in ("conversations", "buckets", "branches")])
    assert costs == [["conversations", "buckets", "buckets"], ["conversations", "buckets", "buckets", "buckets"]]


async def test_a_subscriber_hears_of_what_he_sees_only(served: Served) -> None:
    wood = await grown(served, 2)
    access = await served.services.permissions.access(Principal(wood.bob.user.id, new_id()))  # type: ignore[union-attr]
    on_socket = replace(context(served, "bob", access), socket=True, cutoff=Cutoff())
    stream = await schema().subscribe(WATCH, {"id": wood.conversation}, context_value=on_socket)
    async with asyncio.timeout(30), aclosing(cast(Any, stream)) as events:
        assert (await anext(events)).data["conversationEvents"]["__typename"] == "ResyncRequired"
        hidden, seen = wood.id(wood.hidden[0]), wood.id(wood.seen[-1])
        lost = await append(wood.alice, wood.conversation, "unheard", parentId=hidden)
        for each in (lost["id"], wood.id(wood.hidden[-1])):
            assert (await wood.alice.ask(DELETE, id=each)).data
        await append(wood.alice, wood.conversation, "heard", parentId=seen)
        assert (await wood.alice.ask(DELETE, id=seen)).data
        added, deleted = (await anext(events)).data, (await anext(events)).data
        assert added["conversationEvents"]["message"]["content"] == "heard"
        assert deleted["conversationEvents"] == {"__typename": "MessageDeleted", "messageId": seen}
        told = json.dumps(added)
        assert [secret for secret in (*wood.secrets, "unheard", lost["id"]) if secret in told] == []


async def test_files_of_hidden_messages_are_out_of_reach(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    sender = Sender(alice, await start(alice))
    first = await sender.attached()
    shown, hidden = [(await sender.append(await sender.uploaded(), parentId=first["id"])).data for _ in range(2)][::-1]
    branch = message_address(shown["appendMessage"]["message"]["id"])[1].branch
    conversation = object_id(sender.chat, "Conversation")
    await share(alice, sender.chat, userId=user_id(bob), branchId=branch_id(conversation, branch))
    reader = Sender(bob, sender.chat)
    files = [first, *(each["appendMessage"]["message"] for each in (shown, hidden))]
    statuses = [(await reader.get(each["attachments"][0]["id"])).status_code for each in files]
    assert statuses == [200, 200, 404]


async def test_the_share_ends_for_forks_too_and_for_lists(served: Served) -> None:
    wood = await forked(served)
    beside = await append(wood.bob, wood.conversation, "beside", parentId=wood.id(Address(MAIN, 1)))
    over = {"$set": {"shares.0.until": now() - timedelta(seconds=1)}}
    await Conversation.find_one({"_id": object_id(wood.conversation, "Conversation")}).update(over)
    assert (await wood.ask(NODE, id=beside["id"])).data["node"] is None
    assert nodes((await wood.ask(LIST)).data["conversations"]) == []


async def test_subtrees_that_are_removed_are_gone_for_him_too_and_come_back(served: Served) -> None:
    wood = await forked(served)
    root = wood.id(wood.seen[-2])
    assert (await wood.alice.ask(REMOVE, id=root)).data
    asked = (await wood.ask(ALL, id=wood.conversation)).data["conversation"]
    assert (asked["messageCount"], asked["branchCount"], len(nodes(asked["messages"]))) == (2, 1, 2)
    assert (await wood.alice.ask(RESTORE, id=root)).data
    assert (await wood.ask(ALL, id=wood.conversation)).data["conversation"]["messageCount"] == 4


async def test_what_is_written_where_he_does_not_see_changes_nothing_for_him(served: Served) -> None:
    wood = await grown(served, 5)
    assert len(wood.seen) > 1, "beside its tip, or what is written there is what he does see"
    before = (await wood.ask(ALL, id=wood.conversation)).data
    for place in (wood.hidden[0], wood.seen[0]):
        await append(wood.alice, wood.conversation, "unheard", parentId=wood.id(place))
    assert (await wood.alice.ask(DELETE, id=wood.id(wood.hidden[0]))).data
    assert (await wood.ask(ALL, id=wood.conversation)).data == before


async def test_a_search_is_not_cut_short_by_what_he_does_not_see(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    wood = await grown(served, 6)
    monkeypatch.setattr(search_module, "CANDIDATES", 2)
    for given in ({}, {"conversationId": wood.conversation}):
        for address in wood.hidden:
            text = f"common word{wood.words[address]}"
            found = (await wood.ask(SEARCH, text=text, filter=given)).data["searchMessages"]
            assert (found["edges"], found["pageInfo"]["hasNextPage"]) == ([], False)
        found, after = [], None
        while after is not None or not found:  # a page may come short, and never tells of more than there is
            answer = (await wood.ask(SEARCH, text="common", filter=given, first=1, after=after)).data["searchMessages"]
            found += nodes(answer)
            assert answer["edges"]
            after = answer["pageInfo"]["endCursor"] if answer["pageInfo"]["hasNextPage"] else None
        assert {node["id"] for node in found} == {wood.id(each) for each in wood.seen}
        best = (await wood.ask(SEARCH, text="common", filter=given)).data["searchMessages"]["edges"]
        assert [each["score"] for each in best] == sorted([each["score"] for each in best], reverse=True)


async def test_metadata_are_seen_where_they_are_shared_and_nowhere_else(served: Served) -> None:
    wood = await forked(served, "READ")
    reading = ["conversation:read", "message:read"]
    rule = Policy(id="reading", effect=GrantEffect.ALLOW, actions=reading, when='user.region == "US-West"')
    await served.services.changes.put_policy(rule, SYSTEM)
    while await served.indexer.take():
        pass
    ids = [wood.id(each) for each in wood.parents]
    found = (await wood.bob.ask(NODES, ids=ids)).data["nodes"]
    shown = {each["id"] for each in found if each["metadata"]}
    assert shown == {wood.id(each) for each in wood.seen}
    copied = (await wood.bob.ask(COPY, branch=wood.branch(MAIN))).data["forkConversation"]["conversation"]
    assert [bool(node["metadata"]) for node in nodes(copied["messages"])] == [True, True, False, False]
    for address in wood.parents:
        asked = {"llmModel": f"model{wood.words[address]}", "conversationId": wood.conversation}
        hits = (await wood.bob.ask(SEARCH, text="common", filter=asked)).data["searchMessages"]["edges"]
        assert len(hits) == (address in wood.seen)


async def test_who_may_share_a_branch_further_sees_shares_of_that_only(served: Served) -> None:
    wood, guest = await forked(served, "READ"), await served.as_("guest")
    rule = Policy(id="further", effect=GrantEffect.ALLOW, actions=["conversation:share"], when='shared("read")')
    await served.services.changes.put_policy(rule, SYSTEM)
    other = await wood.write(Address(MAIN, 2))
    given = {"userId": user_id(guest), "branchId": wood.branch(other.branch)}
    assert (await share(wood.alice, wood.conversation, **given)).data
    asked = await wood.ask("query ($id: ID!) { conversation(id: $id) { shares { userId } } }", id=wood.conversation)
    assert asked.data["conversation"]["shares"] == [{"userId": user_id(wood.bob)}]
    for branch in (given["branchId"], wood.branch("0" * 16)):
        answer = await share(wood.bob, wood.conversation, userId=user_id(guest), branchId=branch)
        assert answer.codes == ["NOT_FOUND"]
