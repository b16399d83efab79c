"""With whom one branch is shared sees its path, by no question anything else, and writes beside it."""

import asyncio
import json
import random
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, cast

import pytest

from api.schema import build_schema
from models.bucket import MessageRole, Metadata
from models.clock import now
from models.conversation import Conversation
from models.policy import Policy
from models.role import GrantEffect
from models.search import search as search_module
from models.share import MOST_FORKS
from models.tree import MAIN, Address, Draft
from permissions.authn.principal import Principal, new_id
from permissions.changes import SYSTEM
from resolvers.ids import branch_id, message_address, message_id, object_id
from tests.api.attachments.conftest import Sender
from tests.database_calls import database_calls
from tests.resolvers.admin.test_audit import context
from tests.resolvers.chat.documents import APPEND, EDIT, LIST, PAGE, append, chat, contents, nodes, page, start
from tests.resolvers.chat.test_sharing import share, stored, user_id
from tests.served import Answer, Caller, Served

MESSAGE: Final = "id content depth siblingIndex siblingCount metadata { llmModel } author { id } attachments { name }"
WHOLE_MESSAGE: Final = f"""{MESSAGE} parent {{ {MESSAGE} }} editedFrom {{ {MESSAGE} }} siblings {{ {MESSAGE} }}
  branch {{ id messageCount tip {{ {MESSAGE} }} forkedFrom {{ {MESSAGE} }} author {{ id }} }}"""
BRANCH: Final = (
    f"id messageCount createdAt forkedFrom {{ {MESSAGE} }} tip {{ {MESSAGE} siblings {{ id }} }} author {{ id }}"
)
CONVERSATION: Final = f"""id messageCount branchCount updatedAt chosenBranch {{ {BRANCH} }}
  branches(first: 100) {{ edges {{ cursor node {{ {BRANCH} }} }} pageInfo {{ hasNextPage endCursor }} }}
  messages(first: 100) {{ edges {{ cursor node {{ {WHOLE_MESSAGE} }} }} pageInfo {{ hasNextPage hasPreviousPage }} }}"""
ALL: Final = f"query ($id: ID!) {{ conversation(id: $id) {{ {CONVERSATION} }} }}"
LISTED: Final = f"{{ conversations(first: 100) {{ edges {{ node {{ {CONVERSATION} }} }} }} }}"
NODE: Final = f"""query ($id: ID!) {{ node(id: $id) {{ __typename ... on Conversation {{ {CONVERSATION} }}
  ... on Branch {{ {BRANCH} }} ... on Message {{ {WHOLE_MESSAGE} }} }} }}"""
NODES: Final = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Message {{ {WHOLE_MESSAGE} }} }} }}"
DIFF: Final = f"""query ($a: ID!, $b: ID!) {{ diffBranches(a: $a, b: $b) {{ lastShared {{ {MESSAGE} }}
  a {{ branch {{ {BRANCH} }} messages(first: 100) {{ edges {{ node {{ {MESSAGE} }} }} }} }}
  b {{ branch {{ {BRANCH} }} messages(first: 100) {{ edges {{ node {{ {MESSAGE} }} }} }} }} }} }}"""
REST: Final = f"""query ($a: ID!, $b: ID!, $after: String) {{ diffBranches(a: $a, b: $b) {{
  a {{ messages(first: 100, after: $after) {{ edges {{ node {{ {MESSAGE} }} }} }} }} }} }}"""
SEARCH: Final = f"""query ($text: String!, $filter: MessageSearchFilter, $first: Int, $after: String) {{
  searchMessages(query: $text, filter: $filter, first: $first, after: $after) {{ complete
    edges {{ cursor score snippet node {{ {WHOLE_MESSAGE} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
COPY: Final = """mutation ($branch: ID!, $until: ID) {
  forkConversation(input: {branchId: $branch, untilMessageId: $until}) { conversation { messageCount branchCount
    messages(first: 100) { edges { node { content metadata { llmModel } } } } } } }"""
CHOOSE: Final = "mutation ($id: ID!) { chooseBranch(input: {branchId: $id}) { conversation { id } } }"
DELETE: Final = "mutation ($id: ID!) { deleteMessage(input: {messageId: $id}) { messageId } }"
WATCH: Final = f"""subscription ($id: ID!) {{ conversationEvents(conversationId: $id, after: "0-0") {{ __typename
  ... on MessageAdded {{ message {{ {WHOLE_MESSAGE} }} }} ... on MessageDeleted {{ messageId }}
  ... on ConversationChanged {{ conversation {{ {CONVERSATION} }} }} }} }}"""


@dataclass
class Wood:
    """Alice's conversation: each message says `common` and a word of its own, and has a model of its own."""

    served: Served
    alice: Caller
    bob: Caller
    conversation: str
    parents: dict[Address, Address | None] = field(default_factory=dict)
    words: dict[Address, str] = field(default_factory=dict)
    shared: str = MAIN

    async def write(self, parent: Address | None, **more: Any) -> Address:
        number = len(self.parents)
        draft = Draft(
            MessageRole.USER,
            f"common word{number}x",
            author_id=self.alice.user.id,  # type: ignore[union-attr]
            metadata=Metadata(llm_model=f"model{number}x"),
            **more,
        )
        address = (await self.served.services.tree.append(await stored(self.conversation), parent, draft)).address
        self.parents[address], self.words[address] = parent, f"{number}x"
        return address

    def path(self, address: Address | None) -> list[Address]:
        found: list[Address] = []
        while address is not None:
            found.append(address)
            address = self.parents[address]
        return found[::-1]

    @property
    def seen(self) -> list[Address]:
        """The path of the shared branch."""
        return self.path(max(each for each in self.parents if each.branch == self.shared))

    @property
    def hidden(self) -> list[Address]:
        return [each for each in self.parents if each not in self.seen]

    def id(self, address: Address) -> str:
        return message_id(object_id(self.conversation, "Conversation"), address)

    def branch(self, name: str) -> str:
        return branch_id(object_id(self.conversation, "Conversation"), name)

    @property
    def secrets(self) -> list[str]:
        """What stands in no answer to Bob: words, models and ids of hidden messages, and ids of hidden branches."""
        hidden, branches = self.hidden, {each.branch for each in self.hidden} - {each.branch for each in self.seen}
        words = [f"{kind}{self.words[each]}" for each in hidden for kind in ("word", "model")]
        return [*words, *map(self.id, hidden), *map(self.branch, branches)]

    async def ask(self, document: str, **variables: Any) -> Answer:
        """As Bob, who is told no secret."""
        answer = await self.bob.ask(document, **variables)
        told = json.dumps(answer.body)
        assert [secret for secret in self.secrets if secret in told] == [], (document, variables)
        return answer

    async def share(self, access: str = "READ", **more: Any) -> None:
        given = {"userId": user_id(self.bob), "branchId": self.branch(self.shared), "access": access, **more}
        assert (await share(self.alice, self.conversation, **given)).data


async def grown(served: Served, seed: int, size: int = 14) -> Wood:
    """A random tree, of which a random branch is shared."""
    dice = random.Random(seed)
    alice, bob = await served.as_("alice"), await served.as_("bob")
    wood = Wood(served, alice, bob, await start(alice))
    for _ in range(size):
        parent = dice.choice([None, *wood.parents, *list(wood.parents)[-3:]])
        edited = dice.choice([None, *wood.parents])
        await wood.write(parent, edited_from=str(edited) if edited else None)
    wood.shared = dice.choice(sorted({each.branch for each in wood.parents}))
    await wood.share()
    while await served.indexer.take():
        pass
    return wood


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
        with database_calls() as calls:
            assert contents(await caller.ask(PAGE, id=wood.conversation, branch=wood.branch(wood.shared)))
        costs.append([collection for _, collection in calls if collection in ("conversations", "buckets", "branches")])
    assert costs == [["conversations", "buckets", "buckets"], ["conversations", "buckets", "buckets", "buckets"]]


async def test_a_subscriber_hears_of_what_he_sees_only(served: Served) -> None:
    wood = await grown(served, 2)
    access = await served.services.permissions.access(Principal(wood.bob.user.id, new_id()))  # type: ignore[union-attr]
    on_socket = replace(context(served, "bob", access), socket=True)
    stream = await build_schema().subscribe(WATCH, {"id": wood.conversation}, context_value=on_socket)
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


async def forked(served: Served, access: str = "WRITE") -> Wood:
    """main.0 to main.3; a branch that leaves after main.1 is shared, and has two messages."""
    alice, bob = await served.as_("alice"), await served.as_("bob")
    wood = Wood(served, alice, bob, await start(alice))
    last: Address | None = None
    for _ in range(4):
        last = await wood.write(last)
    own = await wood.write(Address(MAIN, 1))
    await wood.write(own)
    wood.shared = own.branch
    await wood.share(access)
    return wood


async def test_who_may_write_on_a_branch_sees_what_he_begins_there_as_long_as_the_share_holds(served: Served) -> None:
    wood = await forked(served)
    end = await append(wood.bob, wood.conversation, "at the end")
    assert end["parent"]["id"] == wood.id(wood.seen[-1])
    beside = await append(wood.bob, wood.conversation, "beside", parentId=wood.id(Address(MAIN, 1)))
    assert (beside["siblingCount"], beside["siblingIndex"]) == (2, 1)
    more = await append(wood.bob, wood.conversation, "more", parentId=beside["id"])
    edited = (await wood.bob.ask(EDIT, input={"messageId": more["id"], "content": "edited"})).data["editMessage"][
        "message"
    ]
    first = (await wood.bob.ask(EDIT, input={"messageId": wood.id(Address(MAIN, 0)), "content": "0"})).data
    asked = (await wood.ask(ALL, id=wood.conversation)).data["conversation"]
    assert (asked["messageCount"], asked["branchCount"]) == (4 + 5, 2 + 3)
    assert edited["siblingCount"] == first["editMessage"]["message"]["siblingCount"] == 2
    assert contents(await wood.ask(PAGE, id=wood.conversation, branch=edited["branch"]["id"]))[-1] == "edited"

    beside_it = {"messageId": more["id"], "content": "at once"}
    at_once = await asyncio.gather(*(wood.bob.ask(EDIT, input=beside_it) for _ in range(5)))
    ids = [each.data["editMessage"]["message"]["id"] for each in at_once]
    assert all((await wood.ask(NODES, ids=ids)).data["nodes"])

    await wood.share("READ")  # in place of the other, which held: what was begun stays
    assert (await wood.ask(NODE, id=beside["id"])).data["node"]
    assert (await wood.ask(APPEND, input={"conversationId": wood.conversation, "content": "x"})).codes == ["FORBIDDEN"]
    await wood.share("NONE")
    assert (await wood.ask(NODE, id=beside["id"])).data["node"] is None
    await wood.share("WRITE")
    assert (await wood.ask(NODE, id=beside["id"])).data["node"] is None


async def test_a_retry_gives_the_fork_again_but_not_what_was_hidden_meanwhile(served: Served) -> None:
    wood = await forked(served)
    sent = {"conversationId": wood.conversation, "content": "mine", "idempotencyKey": "k"}
    sent["parentId"] = wood.id(Address(MAIN, 1))
    tries = [(await wood.ask(APPEND, input=sent)).data["appendMessage"]["message"]["id"] for _ in range(2)]
    assert tries[0] == tries[1]
    forget: dict[str, Any] = {"$set": {"shares.0.forks": []}}  # as if the worker had died before it noted the fork
    await Conversation.find_one({"_id": object_id(wood.conversation, "Conversation")}).update(forget)
    assert (await wood.ask(APPEND, input=sent)).data["appendMessage"]["message"]["id"] == tries[0]

    await wood.share("NONE")
    secret = await append(wood.alice, wood.conversation, "between us", parentId=tries[0])
    await wood.share("WRITE")
    again = await wood.ask(APPEND, input=sent)
    assert again.codes == ["NOT_FOUND"]
    assert (await wood.ask(NODE, id=secret["id"])).data["node"] is None


async def test_a_key_that_he_used_where_he_sees_no_more_shows_nothing(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    conversation, messages = await chat(alice, 2)
    await share(alice, conversation, userId=user_id(bob), access="WRITE")
    sent = {"conversationId": conversation, "content": "mine", "idempotencyKey": "k", "parentId": messages[1]["id"]}
    mine = (await bob.ask(APPEND, input=sent)).data["appendMessage"]["message"]
    fork = await append(alice, conversation, "fork", parentId=messages[1]["id"])
    await share(alice, conversation, userId=user_id(bob), access="NONE")
    await share(alice, conversation, userId=user_id(bob), access="WRITE", branchId=fork["branch"]["id"])
    assert (await bob.ask(NODE, id=mine["id"])).data["node"] is None
    assert (await bob.ask(APPEND, input=sent)).codes == ["NOT_FOUND"]


async def test_who_reads_all_and_writes_on_a_branch_writes_there_only(served: Served) -> None:
    wood = await forked(served)
    assert (await share(wood.alice, wood.conversation, userId=user_id(wood.bob))).data
    for parent, codes in ((Address(MAIN, 3), ["FORBIDDEN"]), (Address(MAIN, 1), []), (wood.seen[-1], [])):
        sent = {"conversationId": wood.conversation, "content": "x", "parentId": wood.id(parent)}
        answer = await wood.bob.ask(APPEND, input=sent)
        assert answer.codes == codes, parent
    edits = [await wood.bob.ask(EDIT, input={"messageId": wood.id(each), "content": "x"}) for each in wood.hidden[:2]]
    assert [each.codes for each in edits] == [["FORBIDDEN"]] * 2
    assert (await wood.bob.ask(NODE, id=wood.id(Address(MAIN, 3)))).data["node"]


async def test_a_branch_to_read_and_another_to_write_are_not_one_to_do_both(served: Served) -> None:
    wood = await forked(served, "READ")
    assert (await wood.ask(APPEND, input={"conversationId": wood.conversation, "content": "x"})).codes == ["FORBIDDEN"]
    other = await wood.write(Address(MAIN, 2))
    given = {"userId": user_id(wood.bob), "branchId": wood.branch(other.branch), "access": "WRITE"}
    assert (await share(wood.alice, wood.conversation, **given)).data
    for place, codes in ((wood.seen[-1], ["FORBIDDEN"]), (Address(MAIN, 3), ["NOT_FOUND"]), (Address(MAIN, 2), [])):
        sent = {"conversationId": wood.conversation, "content": "x", "parentId": wood.id(place)}
        assert (await wood.bob.ask(APPEND, input=sent)).codes == codes, place


async def test_the_share_ends_for_forks_too_and_for_lists(served: Served) -> None:
    wood = await forked(served)
    beside = await append(wood.bob, wood.conversation, "beside", parentId=wood.id(Address(MAIN, 1)))
    over = {"$set": {"shares.0.until": now() - timedelta(seconds=1)}}
    await Conversation.find_one({"_id": object_id(wood.conversation, "Conversation")}).update(over)
    assert (await wood.ask(NODE, id=beside["id"])).data["node"] is None
    assert nodes((await wood.ask(LIST)).data["conversations"]) == []


async def test_no_more_forks_are_begun_than_can_be_shown(served: Served) -> None:
    wood = await forked(served)
    full = {"$set": {"shares.0.forks": [f"{number:016x}" for number in range(MOST_FORKS)]}}
    await Conversation.find_one({"_id": object_id(wood.conversation, "Conversation")}).update(full)
    place = {"conversationId": wood.conversation, "content": "x", "parentId": wood.id(Address(MAIN, 1))}
    assert (await wood.ask(APPEND, input=place)).codes == ["CONFLICT"]
    assert (await wood.ask(EDIT, input={"messageId": wood.id(wood.seen[-1]), "content": "x"})).codes == ["CONFLICT"]
    assert (await stored(wood.conversation)).message_count == len(wood.parents)
    assert await append(wood.bob, wood.conversation, "at the end")


async def test_subtrees_that_are_removed_are_gone_for_him_too_and_come_back(served: Served) -> None:
    wood = await forked(served)
    remove = "mutation ($id: ID!) { deleteMessage(input: {messageId: $id, mode: SUBTREE}) { messageId } }"
    back = "mutation ($id: ID!) { restoreMessage(input: {messageId: $id}) { message { id } } }"
    root = wood.id(wood.seen[-2])
    assert (await wood.alice.ask(remove, id=root)).data
    asked = (await wood.ask(ALL, id=wood.conversation)).data["conversation"]
    assert (asked["messageCount"], asked["branchCount"], len(nodes(asked["messages"]))) == (2, 1, 2)
    assert (await wood.alice.ask(back, id=root)).data
    assert (await wood.ask(ALL, id=wood.conversation)).data["conversation"]["messageCount"] == 4


async def test_what_is_written_where_he_does_not_see_changes_nothing_for_him(served: Served) -> None:
    wood = await grown(served, 5)
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


async def test_of_another_beginning_that_is_shared_the_first_one_is_not_seen(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    wood = Wood(served, alice, bob, await start(alice))
    for parent in (None, Address(MAIN, 0), None):
        last = await wood.write(parent)
    wood.shared = last.branch
    await wood.share("WRITE")
    asked = (await wood.ask(ALL, id=wood.conversation)).data["conversation"]
    assert (asked["messageCount"], asked["branchCount"], asked["chosenBranch"]["messageCount"]) == (1, 1, 1)
    assert (await wood.ask(NODE, id=wood.branch(MAIN))).data["node"] is None
    edited = (await wood.ask(EDIT, input={"messageId": wood.id(last), "content": "x"})).data["editMessage"]["message"]
    assert (edited["siblingCount"], edited["siblingIndex"]) == (2, 1)


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
