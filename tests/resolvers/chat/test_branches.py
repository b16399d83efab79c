"""Branches compared and copied, as clients see it."""

from resolvers.chat.branches import COPIES
from tests.resolvers.chat.documents import PAGE, append, chat, contents, nodes
from tests.served import Served

DIFF = """query ($a: ID!, $b: ID!, $first: Int, $after: String) { diffBranches(a: $a, b: $b) {
  lastShared { content }
  a { branch { id author { displayName } } messages(first: $first, after: $after) {
    edges { node { content } } pageInfo { hasNextPage endCursor } } }
  b { messages { edges { node { content } } } } } }"""
FORK = """mutation ($input: ForkConversationInput!) { forkConversation(input: $input) {
  conversation { id title tags attributes messageCount owner { displayName } } } }"""
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
