"""Where shares count: for subscribers, for files, in what is answered about permissions, and against escalation."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from models.clock import now
from models.conversation import Conversation
from models.policy import Policy
from models.role import GrantEffect
from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Principal, new_id
from permissions.changes import SYSTEM
from resolvers.chat.events import announce_change
from resolvers.ids import encode, object_id
from tests.api.attachments.conftest import Sender
from tests.api.authzen.conftest import NAME, service
from tests.resolvers.admin.test_audit import context
from tests.resolvers.admin.test_questions import EFFECTIVE, EXPLAIN, WHO, check
from tests.resolvers.chat.documents import append, chat, nodes, start
from tests.resolvers.chat.test_deletions import AUDIT
from tests.resolvers.chat.test_sharing import share, stored, user_id
from tests.served import Caller, Served, schema

WATCH = """subscription ($id: ID!) { conversationEvents(conversationId: $id, after: "0-0") {
  __typename ... on AccessRevoked { reason decisionId } } }"""
IN_ONE = """mutation ($a: ShareConversationInput!, $b: ShareConversationInput!) {
  first: shareConversation(input: $a) { conversation { shares { userId } } }
  second: shareConversation(input: $b) { conversation { shares { userId access } } } }"""


async def test_a_subscriber_is_told_when_his_share_is_taken_back_or_over(served: Served) -> None:
    alice, bob, admin = [await served.as_(name) for name in ("alice", "bob", "admin")]
    conversation, _ = await chat(alice, 1)
    for ends_itself in (False, True):
        assert (await share(alice, conversation, userId=user_id(bob))).data
        access = await served.services.permissions.access(Principal(bob.user.id, new_id()))  # type: ignore[union-attr]
        on_socket = replace(context(served, "bob", access), socket=True, cutoff=Cutoff())
        stream = await schema().subscribe(WATCH, {"id": conversation}, context_value=on_socket)
        async with asyncio.timeout(20), aclosing(cast(Any, stream)) as events:
            assert (await anext(events)).data["conversationEvents"]["__typename"] == "ResyncRequired"
            if ends_itself:
                ended = Conversation.find_one({"_id": object_id(conversation, "Conversation")})
                await ended.update({"$set": {"shares.0.until": now()}})
                await announce_change(served.services.broker, object_id(conversation, "Conversation"))
            else:
                assert (await share(alice, conversation, userId=user_id(bob), access="NONE")).data
            assert (await anext(events)).data["conversationEvents"]["__typename"] == "AccessRevoked"
            with pytest.raises(StopAsyncIteration):
                await anext(events)

    given, *_ = nodes((await admin.ask(AUDIT, kind="conversation.shared")).data["auditEvents"])
    told = {"grantee": f"user:{bob.user.id}", "access": "read", "branch": None}  # type: ignore[union-attr]
    assert given["resourceId"] == conversation
    assert given["actor"] == {"displayName": "Alice"}
    assert [{name: each[name] for name in told} for each in given["after"]] == [told]
    taken, *_ = nodes((await admin.ask(AUDIT, kind="conversation.unshared")).data["auditEvents"])
    assert (taken["before"], taken["after"]) == (given["after"], None)


async def test_files_go_with_what_is_shared(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    sender = Sender(alice, await start(alice))
    file = (await sender.attached())["attachments"][0]["id"]
    reader = Sender(bob, sender.chat)
    assert (await reader.get(file)).status_code == 404
    await share(alice, sender.chat, userId=user_id(bob), access="WRITE")
    assert (await reader.get(file)).status_code == 200
    own = (await reader.attached())["attachments"][0]["id"]
    assert (await sender.get(own)).status_code == 200
    await share(alice, sender.chat, userId=user_id(bob), access="NONE")
    assert (await reader.get(file)).status_code == (await reader.get(own)).status_code == 404


async def test_answers_about_permissions_know_of_shares(served: Served) -> None:
    alice, bob, admin, root, guest = [await served.as_(name) for name in ("alice", "bob", "admin", "root", "guest")]
    conversation, messages = await chat(alice, 2)
    resource = {"type": "conversation", "id": conversation}
    asked = {"action": "conversation:read", "resource": resource, "userId": user_id(bob)}

    async def holders() -> dict[str, list[str]]:
        found = nodes((await root.ask(WHO, action="message:append", resource=resource)).data["whoHasAccess"])
        return {each["user"]["displayName"]: each["decidedBy"] for each in found}

    assert await holders() == {"Alice": ["policy own_conversations"], "Root": ["role super_admin: allow *"]}
    explained = (await admin.ask(EXPLAIN, input=asked)).data["explainDecision"]
    (entry,) = [each for each in explained["trace"] if each["rule"] == "policy shared_reading"]
    assert (entry["outcome"], entry["condition"]) == ("NOT_MET", 'shared("read")')
    assert entry["detail"] == 'shared("read") (no share seen)'

    await share(alice, conversation, userId=user_id(bob), access="WRITE")

    assert (await holders())["Bob"] == ["policy shared_writing"]
    answer = (await check(root, "conversation:read", resource, userId=user_id(bob))).data["checkPermission"]
    assert (answer["allowed"], answer["decidedBy"]) == (True, ["policy shared_reading"])
    effective = (await bob.ask(EFFECTIVE, resourceType="message")).data["effectivePermissions"]["permissions"]
    (append_,) = [each for each in effective if each["action"] == "message:append"]
    assert append_["effect"] == "CONDITIONAL"
    assert 'shared("write")' in append_["condition"]
    pdp = await service(served, NAME, "policy_decision_client")
    assert await pdp.decides(user_id(bob), "append", "message", conversation)
    who = {"subject": {"type": "user", "id": user_id(bob)}, "action": {"name": "read"}}
    found = await pdp.ask("search/resource", {**who, "resource": {"type": "conversation"}})
    assert found["results"] == [resource]

    fork = await append(alice, conversation, "fork", parentId=messages[0]["id"])
    await share(alice, conversation, userId=user_id(guest), branchId=fork["branch"]["id"])
    for message, seen in ((messages[0], True), (fork, True), (messages[1], False)):
        about = {"type": "message", "id": message["id"]}
        answer = await check(root, "message:read", about, userId=user_id(guest))
        assert answer.data["checkPermission"]["allowed"] is seen
        assert await pdp.decides(user_id(guest), "read", "message", message["id"]) is seen

    until = now() + timedelta(hours=1)
    await share(alice, conversation, userId=user_id(bob), until=until.isoformat())
    (number,) = [n for n, each in enumerate((await stored(conversation)).shares) if each.branch is None]
    ended = Conversation.find_one({"_id": object_id(conversation, "Conversation")})
    await ended.update({"$set": {f"shares.{number}.until": now()}})
    assert "Bob" not in await holders()
    entry = (await admin.ask(EXPLAIN, input=asked)).data["explainDecision"]["trace"]
    (entry,) = [each for each in entry if each["rule"] == "policy shared_reading"]
    assert f"user:{bob.user.id} may read until {now():%Y-%m-%d}" in entry["detail"]  # type: ignore[union-attr]
    assert (await pdp.ask("search/resource", {**who, "resource": {"type": "conversation"}}))["results"] == []


async def test_nobody_gives_more_than_he_has_nor_for_longer_nor_elsewhere(served: Served) -> None:
    """By a rule that lets whoever may write share further."""
    alice, bob, guest = [await served.as_(name) for name in ("alice", "bob", "guest")]
    further = Policy(
        id="sharing_further", effect=GrantEffect.ALLOW, actions=["conversation:share"], when='shared("read")'
    )
    await served.services.changes.put_policy(further, SYSTEM)
    conversation, messages = await chat(alice, 2)
    fork = await append(alice, conversation, "fork", parentId=messages[0]["id"])
    branches = {name: message["branch"]["id"] for name, message in (("main", messages[0]), ("fork", fork))}
    until = now() + timedelta(hours=1)

    async def refused(**input: Any) -> list[str]:
        answer = await share(bob, conversation, userId=user_id(guest), **input)
        assert answer.codes in (["FORBIDDEN"], ["NOT_FOUND"], []), answer.body
        beyond: list[str] = answer.body["errors"][0]["extensions"].get("beyond", ["?"]) if answer.codes else []
        assert bool(answer.codes) is (f"user:{guest.user.id}" not in (await stored(conversation)).grantees)  # type: ignore[union-attr]
        await share(alice, conversation, userId=user_id(guest), access="NONE")
        return beyond

    await share(alice, conversation, userId=user_id(bob), until=until.isoformat())
    assert await refused(access="WRITE", until=until.isoformat()) == ["message:append", "message:ask", "message:edit"]
    assert "message:read" in await refused()
    assert "message:read" in await refused(until=(until + timedelta(milliseconds=1)).isoformat())
    assert await refused(until=until.isoformat()) == []
    assert await refused(until=until.isoformat(), branchId=branches["fork"]) == []

    await share(alice, conversation, userId=user_id(bob), access="NONE")
    await share(alice, conversation, userId=user_id(bob), access="WRITE", branchId=branches["main"])
    assert "message:read" in await refused()
    assert await refused(branchId=branches["fork"])
    assert await refused(branchId=branches["main"], access="WRITE") == []


async def test_what_a_role_may_not_do_it_cannot_give_and_a_denial_outweighs_a_share(served: Served) -> None:
    """John holds a role that sees no metadata, not even of his own conversations."""
    alice, john = await served.as_("alice"), await served.as_("john")
    own, _ = await chat(john, 1)
    answer = await share(john, own, userId=user_id(alice))
    assert answer.codes == ["FORBIDDEN"]
    assert answer.body["errors"][0]["extensions"]["beyond"] == ["message:read_metadata"]
    conversation = await start(alice)
    message = await append(alice, conversation, "x", metadata={"llmModel": "m"})
    await share(alice, conversation, userId=user_id(john))
    document = "query ($id: ID!) { node(id: $id) { ... on Message { content metadata { llmModel } } } }"
    seen = await john.ask(document, id=message["id"])
    assert (seen.body["data"]["node"], seen.codes) == ({"content": "x", "metadata": None}, ["FORBIDDEN"])


async def test_two_changes_in_one_request_and_many_at_once_are_all_kept(served: Served) -> None:
    alice, bob, guest = [await served.as_(name) for name in ("alice", "bob", "guest")]
    conversation, _ = await chat(alice, 1)
    given = {"conversationId": conversation, "userId": user_id(bob), "access": "WRITE"}
    answer = await alice.ask(IN_ONE, a=given, b={**given, "userId": user_id(guest), "access": "READ"})
    assert [len(answer.data[name]["conversation"]["shares"]) for name in ("first", "second")] == [1, 2]
    answer = await alice.ask(IN_ONE, a={**given, "access": "NONE"}, b={**given, "access": "READ"})
    assert answer.data["first"]["conversation"]["shares"] == [{"userId": user_id(guest)}]
    assert {"userId": user_id(bob), "access": "READ"} in answer.data["second"]["conversation"]["shares"]

    async def one(caller: Caller, number: int) -> None:
        assert (await share(caller, conversation, userId=encode("User", f"{number:024x}"))).data

    await asyncio.gather(*(one(alice, number) for number in range(20)))
    found = await stored(conversation)
    assert len(found.shares) == len(found.grantees) == 22
