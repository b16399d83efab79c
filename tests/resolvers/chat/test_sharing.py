"""Sharing: what is given, for how long, by whom, and that it is over when it is over."""

from datetime import timedelta
from typing import Any, Final

from beanie import PydanticObjectId

from models.clock import now
from models.conversation import Conversation
from models.role import RoleAssignment
from models.share import MOST_SHARES, Share, ShareAccess, grantees, role_grantee, user_grantee
from resolvers.ids import encode, object_id
from tests.resolvers.chat.documents import APPEND, EDIT, LIST, PAGE, append, chat, contents, nodes
from tests.served import Answer, Caller, Served

SHARE = """mutation ($input: ShareConversationInput!) { shareConversation(input: $input) { conversation {
  id shares { userId role access until user { displayName } branch { id } } } } }"""
SEARCH = "query ($text: String!) { searchMessages(query: $text) { edges { node { id content } } } }"
NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
DELETE = "mutation ($id: ID!) { deleteConversation(input: {conversationId: $id}) { conversationId } }"
DELETE_MESSAGE = "mutation ($id: ID!) { deleteMessage(input: {messageId: $id}) { messageId } }"
END = "mutation ($id: ID!) { endRoleAssignment(input: {assignmentId: $id}) { assignment { id } } }"
RETITLE = 'mutation ($id: ID!) { updateConversation(input: {conversationId: $id, title: "x"}) { conversation { id } } }'
UNMEANT: Final[list[tuple[dict[str, Any], str]]] = [
    ({}, "role"),
    ({"userId": encode("User", "0" * 24), "role": "analyst"}, "role"),
    ({"userId": "x"}, "userId"),
    ({"userId": encode("Conversation", "0" * 24)}, "userId"),
    ({"userId": encode("User", "\0" * 24)}, "userId"),
    ({"role": "analyst", "branchId": encode("Branch", "0" * 24, "main")}, "branchId"),
    ({"role": "analyst", "branchId": "x"}, "branchId"),
    ({"role": "analyst", "until": "2020-01-01T00:00:00Z"}, "until"),
    ({"role": "analyst", "until": "2030-01-01T00:00:00"}, "until"),
    ({"role": "analyst", "until": "9999-12-31T23:59:59-14:00"}, "until"),
    ({"role": "analyst", "until": "9999-01-01T00:00:00Z"}, "until"),
    ({"role": "analyst", "access": "NONE", "until": "2030-01-01T00:00:00Z"}, "until"),
]


def user_id(caller: Caller) -> str:
    """As clients name an account."""
    assert caller.user is not None
    return encode("User", caller.user.id)


async def share(caller: Caller, conversation: str, **input: Any) -> Answer:
    """Ask for it."""
    return await caller.ask(SHARE, input={"conversationId": conversation, **input})


async def stored(conversation: str) -> Conversation:
    """As it lies in the database."""
    found = await Conversation.find_one({"_id": object_id(conversation, "Conversation")})
    assert found is not None
    return found


async def reached(served: Served, caller: Caller, conversation: str, message: str) -> list[bool]:
    """By each way there is: the field, the list, the search, the node."""
    await served.indexer.take()
    listed = (await caller.ask(LIST)).data["conversations"]
    found = (await caller.ask(SEARCH, text="unheard")).data["searchMessages"]
    return [
        (await caller.ask(PAGE, id=conversation)).data["conversation"] is not None,
        conversation in [node["id"] for node in nodes(listed)],
        message in [node["id"] for node in nodes(found)],
        (await caller.ask(NODE, id=conversation)).data["node"] is not None,
        (await caller.ask(NODE, id=message)).data["node"] is not None,
    ]


async def test_a_user_reads_what_is_shared_with_him_and_no_more(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    conversation, _ = await chat(alice, 0)
    message = await append(alice, conversation, "unheard words", metadata={"llmModel": "m"})
    assert not any(await reached(served, bob, conversation, message["id"]))

    answer = await share(alice, conversation, userId=user_id(bob))

    (shown,) = answer.data["shareConversation"]["conversation"]["shares"]
    assert shown == {
        "userId": user_id(bob),
        "role": None,
        "access": "READ",
        "until": None,
        "user": None,  # Alice may not see Bob's account
        "branch": None,
    }
    assert all(await reached(served, bob, conversation, message["id"]))
    metadata = "query ($id: ID!) { node(id: $id) { ... on Message { metadata { llmModel } } } }"
    assert (await bob.ask(metadata, id=message["id"])).data["node"] == {"metadata": {"llmModel": "m"}}
    for document, variables in (
        (APPEND, {"input": {"conversationId": conversation, "content": "x"}}),
        (EDIT, {"input": {"messageId": message["id"], "content": "x"}}),
        (DELETE, {"id": conversation}),
        (DELETE_MESSAGE, {"id": message["id"]}),
        (RETITLE, {"id": conversation}),
        (SHARE, {"input": {"conversationId": conversation, "userId": user_id(bob)}}),
    ):
        assert (await bob.ask(document, **variables)).codes == ["FORBIDDEN"], document


async def test_who_may_write_answers_and_edits_and_no_more(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    conversation, messages = await chat(alice, 1)
    assert (await share(alice, conversation, userId=user_id(bob), access="WRITE")).data

    assert (await append(bob, conversation, "an answer"))["author"] == {"displayName": "Bob"}
    assert (await bob.ask(EDIT, input={"messageId": messages[0]["id"], "content": "better"})).data
    assert contents(await alice.ask(PAGE, id=conversation)) == ["m0", "an answer"]
    for document, variables in (
        (DELETE, {"id": conversation}),
        (DELETE_MESSAGE, {"id": messages[0]["id"]}),
        (RETITLE, {"id": conversation}),
        (SHARE, {"input": {"conversationId": conversation, "userId": user_id(bob), "access": "WRITE"}}),
    ):
        assert (await bob.ask(document, **variables)).codes == ["FORBIDDEN"], document


async def test_what_is_taken_back_is_gone_by_every_way(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    conversation, _ = await chat(alice, 0)
    message = await append(alice, conversation, "unheard words")
    await share(alice, conversation, userId=user_id(bob))
    assert all(await reached(served, bob, conversation, message["id"]))

    answer = await share(alice, conversation, userId=user_id(bob), access="NONE")

    assert answer.data["shareConversation"]["conversation"]["shares"] == []
    assert not any(await reached(served, bob, conversation, message["id"]))
    assert (await stored(conversation)).grantees == []


async def test_a_share_is_over_at_its_instant_by_every_way(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    conversation, _ = await chat(alice, 0)
    message = await append(alice, conversation, "unheard words")
    until = now() + timedelta(hours=1)
    assert (await share(alice, conversation, userId=user_id(bob), until=until.isoformat())).data
    assert all(await reached(served, bob, conversation, message["id"]))

    await Conversation.find_one({"grantees": user_grantee(bob.user.id)}).update(  # type: ignore[union-attr]
        {"$set": {"shares.0.until": now()}}
    )

    assert not any(await reached(served, bob, conversation, message["id"]))
    assert (await share(alice, conversation, role="analyst")).data  # whoever writes clears what has ended
    assert (await stored(conversation)).grantees == ["role:analyst"]


async def test_whoever_holds_a_role_has_what_it_was_given_by_inheritance_too(served: Served) -> None:
    alice, bob, sara, guest, root = [await served.as_(name) for name in ("alice", "bob", "sara", "guest", "root")]
    conversation, _ = await chat(alice, 0)
    message = await append(alice, conversation, "unheard words")

    assert (await share(alice, conversation, role="analyst")).data

    assert all(await reached(served, bob, conversation, message["id"]))  # an analyst
    assert all(await reached(served, sara, conversation, message["id"]))  # a senior analyst, who inherits
    assert not any(await reached(served, guest, conversation, message["id"]))
    held = await RoleAssignment.find_one({"user_id": bob.user.id})  # type: ignore[union-attr]
    ended = await root.ask(END, id=encode("RoleAssignment", held.id))  # type: ignore[union-attr]
    assert ended.data
    assert not any(await reached(served, bob, conversation, message["id"]))


async def test_a_role_that_one_may_not_know_of_looks_like_none_at_all(served: Served) -> None:
    alice, admin = await served.as_("alice"), await served.as_("admin")
    conversation, _ = await chat(alice, 1)
    refused = [await share(alice, conversation, role=role) for role in ("senior_analyst", "nobody", "", "a\0b", "*")]
    assert [answer.codes for answer in refused] == [["NOT_FOUND"]] * 5
    assert len({str(answer.body["errors"][0]["message"]) for answer in refused}) == 1
    own, _ = await chat(admin, 1)
    assert (await share(admin, own, role="guest")).data  # who may read roles shares with any of them


async def test_the_id_of_no_account_is_taken_like_one_that_may_not_be_seen(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    conversation, _ = await chat(alice, 1)
    nobody, somebody = encode("User", PydanticObjectId()), user_id(bob)
    answers = [await share(alice, conversation, userId=each) for each in (nobody, somebody)]
    one, other = [
        [
            {**each, "userId": None}
            for each in answer.data["shareConversation"]["conversation"]["shares"]
            if each["userId"] == id_
        ]
        for answer, id_ in zip(answers, (nobody, somebody), strict=True)
    ]
    assert one == other
    assert len(one) == 1


async def test_what_cannot_be_meant_is_refused(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, _ = await chat(alice, 1)
    for given, field in UNMEANT:
        answer = await share(alice, conversation, **given)
        assert answer.codes == ["BAD_USER_INPUT"], given
        assert answer.body["errors"][0]["extensions"]["field"] == field
    assert (await stored(conversation)).shares == []


async def test_the_owner_needs_no_share_and_odd_roles_are_taken_away_from_without_harm(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, _ = await chat(alice, 1)
    assert (await share(alice, conversation, userId=user_id(alice))).codes == ["BAD_USER_INPUT"]
    for role in ("ghost", "a\0b", "$role"):
        assert (await share(alice, conversation, role=role, access="NONE")).data, role


async def test_two_hundred_shares_are_room_for_no_other_but_for_the_same(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    conversation, _ = await chat(alice, 1)
    shares = [
        Share(grantee=user_grantee(PydanticObjectId()), access=ShareAccess.READ, by=alice.user.id, at=now())  # type: ignore[union-attr]
        for _ in range(MOST_SHARES)
    ]
    fields = {"shares": [each.model_dump() for each in shares], "grantees": grantees(shares)}
    await Conversation.find_one({"_id": (await stored(conversation)).id}).update({"$set": fields})

    refused = await share(alice, conversation, userId=user_id(bob))
    assert refused.codes == ["CONFLICT"]
    assert "200" in refused.body["errors"][0]["message"]
    replaced = encode("User", shares[0].user_id)
    assert (await share(alice, conversation, userId=replaced, access="WRITE")).data
    assert (await share(alice, conversation, userId=replaced, access="NONE")).data
    assert (await share(alice, conversation, userId=user_id(bob))).data
    assert len((await stored(conversation)).shares) == MOST_SHARES


async def test_a_deleted_conversation_is_shared_with_nobody(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    conversation, messages = await chat(alice, 1)
    await share(alice, conversation, userId=user_id(bob))
    assert (await alice.ask(DELETE, id=conversation)).data
    assert not any(await reached(served, bob, conversation, messages[0]["id"]))
    assert (await share(alice, conversation, role="analyst")).codes == ["NOT_FOUND"]
    assert [each.grantee for each in (await stored(conversation)).shares] == [user_grantee(bob.user.id)]  # type: ignore[union-attr]


async def test_a_stranger_learns_nothing_from_sharing(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    conversation, _ = await chat(alice, 1)
    nowhere = encode("Conversation", "0" * 24)
    answers = [await share(bob, each, role="analyst") for each in (conversation, nowhere)]
    assert answers[0].body == answers[1].body
    assert answers[0].codes == ["NOT_FOUND"]


async def test_with_whom_it_is_shared_is_for_those_who_may_share(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    conversation, _ = await chat(alice, 1)
    await share(alice, conversation, userId=user_id(bob), access="WRITE")
    shares = "query ($id: ID!) { conversation(id: $id) { id shares { userId } } }"
    answer = await bob.ask(shares, id=conversation)
    assert answer.codes == ["FORBIDDEN"]
    assert answer.body["data"]["conversation"] == {"id": conversation, "shares": None}


async def test_a_role_is_void_once_deleted_and_a_new_one_of_its_name_has_nothing(served: Served) -> None:
    alice, root = await served.as_("alice"), await served.as_("root")
    create = 'mutation { createRole(input: {name: "readers", grants: []}) { role { name } } }'
    assert (await root.ask(create)).data
    conversation, _ = await chat(root, 1)
    assert (await share(root, conversation, role="readers")).data
    assigned = RoleAssignment(user_id=alice.user.id, role="readers", granted_at=now())  # type: ignore[union-attr]
    await assigned.insert()
    assert (await alice.ask(PAGE, id=conversation)).data["conversation"] is not None

    assert (await root.ask('mutation { deleteRole(name: "readers", cascade: true) { name } }')).data

    assert (await alice.ask(PAGE, id=conversation)).data["conversation"] is None
    assert (await stored(conversation)).grantees == []
    lost = Share(grantee=role_grantee("readers"), access=ShareAccess.READ, by=root.user.id, at=now())  # type: ignore[union-attr]
    fields = {"shares": [lost.model_dump()], "grantees": [lost.grantee]}
    await Conversation.find_one({"_id": (await stored(conversation)).id}).update({"$set": fields})
    assert (await root.ask(create)).data
    assert (await stored(conversation)).shares == []
