"""Branches compared and copied, as clients see it."""

from itertools import chain

from models.bucket import MessageRole
from models.clock import now
from models.tree import MAIN, Address, Sprout
from resolvers.chat.branches import COPIES
from resolvers.ids import encode, message_id
from tests.models.tree.conftest import unborn
from tests.resolvers.chat.documents import PAGE, append, chat, contents, nodes
from tests.served import Served

DIFF = """query ($a: ID!, $b: ID!, $first: Int, $after: String) { diffBranches(a: $a, b: $b) {
  lastShared { content }
  a { branch { id author { displayName } } messages(first: $first, after: $after) {
    edges { node { content } } pageInfo { hasNextPage endCursor } } }
  b { messages { edges { node { content } } } } } }"""
FORK = """mutation ($input: ForkConversationInput!) { forkConversation(input: $input) {
  conversation { id title tags attributes messageCount owner { displayName } } } }"""
LISTED = """query ($id: ID!, $first: Int, $after: String) { conversation(id: $id) { branchCount
  branches(first: $first, after: $after) { edges { node { id } } pageInfo { hasNextPage endCursor } } } }"""
SIBLINGS = "query ($id: ID!) { node(id: $id) { ... on Message { siblingCount siblingIndex siblings { id } } } }"
METADATA = """query ($id: ID!) { conversation(id: $id) { messages { edges { node { metadata { llmModel } } } } } }"""


async def test_two_branches_are_told_by_what_each_has_after_the_last_shared_message(served: Served) -> None:
    alice, sara, guest = [await served.as_(name) for name in ("alice", "sara", "guest")]
    attributes = {"region": "EMEA", "clearance_required": 1}
    conversation, messages = await chat(alice, 5, attributes=attributes)
    fork = await append(alice, conversation, "fork", parentId=messages[1]["id"])
    branches = {"a": messages[0]["branch"]["id"], "b": fork["branch"]["id"]}
    for caller in (alice, sara):
        found = (await caller.ask(DIFF, **branches, first=2)).data["diffBranches"]
        assert found["lastShared"]["content"] == "m1"
        assert [node["content"] for node in nodes(found["a"]["messages"])] == ["m2", "m3"]
        assert [node["content"] for node in nodes(found["b"]["messages"])] == ["fork"]
        after = found["a"]["messages"]["pageInfo"]["endCursor"]
        rest = (await caller.ask(DIFF, **branches, after=after)).data["diffBranches"]
        assert [node["content"] for node in nodes(rest["a"]["messages"])] == ["m4"]
    assert (await guest.ask(DIFF, **branches)).data == {"diffBranches": None}
    _, others = await chat(alice, 1)
    assert (await alice.ask(DIFF, a=branches["a"], b=others[0]["branch"]["id"])).codes == ["BAD_USER_INPUT"]


async def test_a_branch_becomes_a_conversation_of_whoever_may_read_it(served: Served) -> None:
    alice, sara, guest = [await served.as_(name) for name in ("alice", "sara", "guest")]
    attributes = {"region": "EMEA", "clearance_required": 1}
    conversation, messages = await chat(alice, 3, title="t", tags=["x"], attributes=attributes)
    wanted = {"branchId": messages[0]["branch"]["id"], "untilMessageId": messages[1]["id"], "idempotencyKey": "k"}
    first = (await sara.ask(FORK, input=wanted)).data["forkConversation"]["conversation"]
    assert first == (await sara.ask(FORK, input=wanted)).data["forkConversation"]["conversation"]
    assert (first["title"], first["tags"], first["messageCount"]) == ("t", ["x"], 2)
    assert first["attributes"] == attributes
    assert first["owner"] == {"displayName": "Sara"}
    assert contents(await sara.ask(PAGE, id=first["id"])) == ["m0", "m1"]
    assert contents(await alice.ask(PAGE, id=conversation)) == ["m0", "m1", "m2"]
    assert (await guest.ask(FORK, input=wanted)).codes == ["NOT_FOUND"]
    assert (await served.nobody.ask(FORK, input=wanted)).codes == ["UNAUTHENTICATED"]


async def test_who_may_not_see_metadata_gets_no_copy_of_it(served: Served) -> None:
    john, root = await served.as_("john"), await served.as_("root")
    conversation, _ = await chat(john, 0)
    message = await append(john, conversation, "x", metadata={"llmModel": "hidden"})
    copy = (await john.ask(FORK, input={"branchId": message["branch"]["id"]})).data["forkConversation"]["conversation"]
    found = (await root.ask(METADATA, id=copy["id"])).data["conversation"]["messages"]
    assert nodes(found) == [{"metadata": None}]


async def test_one_request_makes_a_few_copies_only(served: Served) -> None:
    alice = await served.as_("alice")
    _, messages = await chat(alice, 1)
    branch = messages[0]["branch"]["id"]
    fork = f'forkConversation(input: {{branchId: "{branch}"}}) {{ conversation {{ id }} }}'
    answer = await alice.ask(f"mutation {{ {' '.join(f'a{number}: {fork}' for number in range(COPIES + 2))} }}")
    assert answer.codes[0] == "BAD_USER_INPUT"
    assert (
        len((await alice.ask("{ conversations { edges { node { id } } } }")).data["conversations"]["edges"])
        <= 1 + COPIES
    )


async def test_hundreds_of_forks_are_listed_whole_and_past_those_that_are_deleted(served: Served) -> None:
    alice = await served.as_("alice")
    assert alice.user
    texts = [None, 0, 1, 0, *[3] * 250, *[1] * 600]
    sprouts = [Sprout(parent, MessageRole.USER, f"{number}", now()) for number, parent in enumerate(texts)]
    stored = unborn().model_copy(update={"owner_id": alice.user.id})
    tree, id_ = served.services.tree, encode("Conversation", stored.id)
    assert await tree.plant(stored, sprouts, None)
    removed = (await tree.history(stored).siblings(Address(MAIN, 0), 1, 2))[1]
    await tree.remove(stored, removed, alice.user.id)

    async def pages(size: int) -> list[list[str]]:
        found, after, more = [], None, True
        while more:
            page = (await alice.ask(LISTED, id=id_, first=size, after=after)).data["conversation"]["branches"]
            assert page["pageInfo"]["endCursor"] not in {None, after}
            found.append([node["id"] for node in nodes(page)])
            after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        return found

    whole, small = await pages(100), await pages(19)
    assert [len(page) for page in whole] == [100] * 6 + [1]
    assert [*chain(*small)] == [*chain(*whole)]
    assert len({*chain(*whole)}) == 601
    assert [len(page) for page in small].count(0) <= 2
    last = (await tree.history(stored).siblings(Address(MAIN, 1), 2, 1_000))[-1]
    shown = (await alice.ask(SIBLINGS, id=message_id(stored.id, last))).data["node"]
    assert (shown["siblingIndex"], shown["siblingCount"], len(shown["siblings"])) == (600, 601, 100)
