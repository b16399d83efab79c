"""Who reaches what: a conversation of somebody else looks like none at all."""

import pytest

from resolvers.ids import encode
from tests.resolvers.chat.documents import APPEND, EDIT, PAGE, append, chat
from tests.served import Served

UPDATE = "mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }"
DELETE = "mutation ($input: DeleteConversationInput!) { deleteConversation(input: $input) { conversationId } }"
CHOOSE = "mutation ($input: ChooseBranchInput!) { chooseBranch(input: $input) { conversation { id } } }"


async def test_a_guest_cannot_tell_whether_a_conversation_exists(served: Served) -> None:
    alice, guest = await served.as_("alice"), await served.as_("guest")
    there, messages = await chat(alice, 2)
    nowhere = encode("Conversation", "0" * 24)
    ghost, phantom = encode("Message", "0" * 24, "main.0"), encode("Branch", "0" * 24, "main")

    async def answers(conversation: str, message: str, branch: str) -> list[object]:
        asked = [
            await guest.ask(PAGE, id=conversation),
            *[
                await guest.ask("query ($id: ID!) { node(id: $id) { id } }", id=i)
                for i in (conversation, message, branch)
            ],
            await guest.ask(APPEND, input={"conversationId": conversation, "content": "x"}),
            await guest.ask(EDIT, input={"messageId": message, "content": "x"}),
            await guest.ask(UPDATE, input={"conversationId": conversation, "title": "x"}),
            await guest.ask(DELETE, input={"conversationId": conversation}),
            await guest.ask(CHOOSE, input={"branchId": branch}),
        ]
        return [(answer.status, answer.body) for answer in asked]

    existing = await answers(there, messages[0]["id"], messages[0]["branch"]["id"])
    assert existing == await answers(nowhere, ghost, phantom)


async def test_who_may_only_read_is_told_so(served: Served) -> None:
    alice, sara = await served.as_("alice"), await served.as_("sara")
    conversation, messages = await chat(alice, 2, attributes={"region": "EMEA", "clearance_required": 3})
    assert (await sara.ask(PAGE, id=conversation)).data
    refused = await sara.ask(APPEND, input={"conversationId": conversation, "content": "x"})
    assert refused.codes == ["FORBIDDEN"]
    assert refused.body["errors"][0]["extensions"]["decisionId"]
    assert (await sara.ask(DELETE, input={"conversationId": conversation})).codes == ["FORBIDDEN"]
    assert (await sara.ask(EDIT, input={"messageId": messages[0]["id"], "content": "x"})).codes == ["FORBIDDEN"]
    assert (await sara.ask(CHOOSE, input={"branchId": messages[0]["branch"]["id"]})).data


async def test_john_sees_his_messages_without_their_metadata(served: Served) -> None:
    document = """query ($id: ID!) { conversation(id: $id) { messages { edges { node {
        content metadata { llmModel } author { displayName email } } } } } }"""
    for name, sees in (("john", False), ("alice", True)):
        caller = await served.as_(name)
        conversation, _ = await chat(caller, 0)
        await append(caller, conversation, "x", metadata={"llmModel": "gpt-4"})
        answer = await caller.ask(document, id=conversation)
        (edge,) = answer.body["data"]["conversation"]["messages"]["edges"]
        assert edge["node"]["metadata"] == ({"llmModel": "gpt-4"} if sees else None)
        assert edge["node"]["author"]["email"] == f"{name}@demo.example"
        assert answer.codes == ([] if sees else ["FORBIDDEN"])
        if not sees:
            error = answer.body["errors"][0]
            assert error["path"] == ["conversation", "messages", "edges", 0, "node", "metadata"]


async def test_an_email_is_for_its_owner_and_admins(served: Served) -> None:
    alice, sara, admin = [await served.as_(name) for name in ("alice", "sara", "admin")]
    conversation, _ = await chat(alice, 1, attributes={"region": "EMEA", "clearance_required": 1})
    document = "query ($id: ID!) { conversation(id: $id) { owner { displayName email } } }"
    seen = (await sara.ask(document, id=conversation)).body
    assert seen["data"]["conversation"]["owner"] == {"displayName": "Alice", "email": None}
    assert seen["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert (await admin.ask(document, id=conversation)).data["conversation"]["owner"]["email"] == "alice@demo.example"


@pytest.mark.parametrize(
    "document",
    [
        "{ conversations { edges { cursor } } }",
        '{ conversation(id: "x") { id } }',
        '{ node(id: "x") { id } }',
        "{ users { edges { cursor } } }",
        'mutation { startConversation(input: {title: "x"}) { conversation { id } } }',
        'mutation { appendMessage(input: {conversationId: "x", content: "x"}) { message { id } } }',
    ],
)
async def test_nobody_gets_nothing(served: Served, document: str) -> None:
    assert (await served.nobody.ask(document)).codes == ["UNAUTHENTICATED"]


async def test_viewer_permissions_are_what_the_viewer_may_do(served: Served) -> None:
    alice, sara = await served.as_("alice"), await served.as_("sara")
    conversation, _ = await chat(alice, 1, attributes={"region": "EMEA", "clearance_required": 1})
    document = "query ($id: ID!) { conversation(id: $id) { viewerPermissions } }"
    seen = (await sara.ask(document, id=conversation)).data["conversation"]["viewerPermissions"]
    assert seen == ["conversation:read", "message:read", "message:read_metadata"]
    owned = (await alice.ask(document, id=conversation)).data["conversation"]["viewerPermissions"]
    assert {"conversation:delete", "message:append"} < set(owned)
    assert "conversation:create" not in owned


FORBID = """
mutation { putPolicy(input: {name: "closed", effect: DENY, actions: ["message:read"]}) { policy { name } } }"""
WORDS = "content"
WAYS = {
    "a tip": f"conversation(id: $home) {{ chosenBranch {{ tip {{ {WORDS} }} }} }}",
    "a fork": f"conversation(id: $home) {{ branches {{ edges {{ node {{ forkedFrom {{ {WORDS} }} }} }} }} }}",
    "a page": f"conversation(id: $home) {{ messages {{ edges {{ node {{ {WORDS} }} }} }} }}",
    "a node": f"node(id: $message) {{ ... on Message {{ {WORDS} siblings {{ {WORDS} }} parent {{ {WORDS} }} }} }}",
    "nodes": f"nodes(ids: [$message]) {{ ... on Message {{ {WORDS} }} }}",
    "a branch": f"node(id: $branch) {{ ... on Branch {{ tip {{ {WORDS} }} author {{ id }} }} }}",
    "a search": f'searchMessages(query: "m0") {{ edges {{ snippet node {{ {WORDS} }} }} }}',
}


async def test_who_may_not_read_messages_reads_them_in_no_way(served: Served) -> None:
    alice, root = await served.as_("alice"), await served.as_("root")
    conversation, messages = await chat(alice, 2)
    fork = await append(alice, conversation, "secret", parentId=messages[0]["id"])
    while await served.indexer.take():
        pass
    variables = {"home": conversation, "message": fork["id"], "branch": fork["branch"]["id"]}

    async def read(way: str) -> str:
        used = {name: value for name, value in variables.items() if f"${name}" in WAYS[way]}
        declared = ", ".join(f"${name}: ID!" for name in used)
        document = f"query ({declared}) {{ {WAYS[way]} }}" if used else f"{{ {WAYS[way]} }}"
        answer = await alice.ask(document, **used)
        return str(answer.body)

    for way in WAYS:
        told = await read(way)
        assert "m0" in told or "secret" in told, (way, told)
    assert (await root.ask(FORBID)).data
    for way in WAYS:
        told = await read(way)
        assert not any(word in told for word in ("m0", "m1", "secret")), (way, told)
