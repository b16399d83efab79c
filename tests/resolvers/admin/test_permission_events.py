"""What an administrator is told of what is done to permissions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from permissions.authn.cutoff import Cutoff
from permissions.authn.principal import Principal, new_id
from resolvers.ids import encode
from tests.resolvers.admin.test_audit import context
from tests.served import Caller, Served, schema

WATCH = """subscription ($after: String) { permissionEvents(after: $after) { __typename cursor
  ... on PermissionChanged { event { kind revision actor { displayName } resourceType before after reason decisionId } }
  ... on AccessRevoked { decisionId } ... on ResyncRequired { reason } } }"""
CREATE = "mutation ($name: String!) { createRole(input: {name: $name}) { permissionsToken } }"
DELETE = "mutation ($name: String!) { deleteRole(name: $name) { permissionsToken } }"
ASSIGN = """mutation ($id: ID!, $role: String!) { assignRole(input: {userId: $id, role: $role, reason: "a test"}) {
  assignment { id } } }"""
END = "mutation ($id: ID!) { endRoleAssignment(input: {assignmentId: $id}) { assignment { id } } }"
DISABLE = 'mutation ($id: ID!) { disableUser(input: {userId: $id, reason: "left"}) { user { id } } }'


@asynccontextmanager
async def watching(served: Served, name: str, after: str | None = None) -> AsyncIterator[Any]:
    """What somebody is told, who listens already."""
    access = await served.services.permissions.access(Principal(served.people[name].id, new_id()))
    on_socket = replace(context(served, name, access), socket=True, cutoff=Cutoff())
    stream = cast(Any, await schema().subscribe(WATCH, {"after": after}, context_value=on_socket))
    async with asyncio.timeout(30), aclosing(stream):

        async def events() -> AsyncIterator[dict[str, Any]]:
            async for result in stream:
                assert not result.errors, result.errors
                yield result.data["permissionEvents"]

        told = events()
        first = asyncio.ensure_future(anext(told))
        tail = served.services.audit.tail
        while after is None and tail._looking is None:  # noqa: ASYNC110 (until it listens)
            await asyncio.sleep(0.01)

        async def onwards() -> AsyncIterator[dict[str, Any]]:
            yield await first
            async for event in told:
                yield event

        yield onwards()
        first.cancel()


async def user_of(served: Served, name: str) -> str:
    return encode("User", served.people[name].id)


async def assigned(root: Caller, user: str, role: str) -> str:
    id_: str = (await root.ask(ASSIGN, id=user, role=role)).data["assignRole"]["assignment"]["id"]
    return id_


async def test_an_administrator_is_told_who_changed_what_and_once(served: Served) -> None:
    root, guest = await served.as_("root"), await user_of(served, "guest")
    async with watching(served, "admin") as events:
        await root.ask(CREATE, name="one")
        await root.ask(CREATE, name="one")  # a refusal is no change
        await (await served.as_("alice")).ask(CREATE, name="two")
        held = await assigned(root, guest, "one")
        await root.ask(END, id=held)
        await root.ask(DISABLE, id=guest)
        told = [await anext(events) for _ in range(4)]
        kinds = [each["event"]["kind"] for each in told]
        assert kinds == ["role.created", "assignment.created", "assignment.changed", "user.changed"]
        assert {each["event"]["actor"]["displayName"] for each in told} == {"Root"}
        revisions = [int(each["event"]["revision"]) for each in told]
        assert revisions == sorted(set(revisions))
        assert (told[0]["event"]["before"], told[1]["event"]["reason"]) == (None, "a test")
        assert told[3]["event"]["after"]["disabled"]
    async with watching(served, "admin", told[1]["cursor"]) as events:
        assert [await anext(events), await anext(events)] == told[2:]
        await root.ask(DELETE, name="one")
        async for event in events:
            if event["event"]["kind"] == "role.deleted":
                break
            assert event["event"]["kind"].startswith(("session", "assignment"))


@pytest.mark.parametrize("cursor", ["", "x", "0-0", encode("AuditEvent", 10**9, 0), encode("User", 1, 2)])
async def test_a_cursor_of_no_record_is_answered_by_resync(served: Served, cursor: str) -> None:
    root = await served.as_("root")
    async with watching(served, "admin", cursor) as events:
        resync = await anext(events)
        assert resync["__typename"] == "ResyncRequired"
        await root.ask(CREATE, name="one")
        assert (await anext(events))["event"]["kind"] == "role.created"


async def test_who_may_not_read_the_log_is_told_nothing_and_who_may_no_more_is_told_so(served: Served) -> None:
    access = await served.services.permissions.access(Principal(served.people["alice"].id, new_id()))
    on_socket = replace(context(served, "alice", access), socket=True, cutoff=Cutoff())
    stream = cast(Any, await schema().subscribe(WATCH, {}, context_value=on_socket))
    refused = stream if hasattr(stream, "errors") else await anext(stream)
    assert [error.extensions["code"] for error in refused.errors] == ["FORBIDDEN"]

    root, guest = await served.as_("root"), await user_of(served, "guest")
    held = await assigned(root, guest, "admin")
    async with watching(served, "guest") as events:
        await root.ask(CREATE, name="one")
        assert (await anext(events))["event"]["kind"] == "role.created"
        await root.ask(END, id=held)
        last = await anext(events)
        assert last["__typename"] == "AccessRevoked"
        assert last["decisionId"]
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def test_who_reads_slowly_what_he_missed_is_told_no_more_once_his_right_is_over(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He comes back to more than he reads at once: all that waits was there while he still had the right."""
    monkeypatch.setattr("resolvers.admin.permission_events.RENEW_SECONDS", 0.0)
    root, guest = await served.as_("root"), await user_of(served, "guest")
    held = await assigned(root, guest, "admin")
    async with watching(served, "guest") as events:
        await root.ask(CREATE, name="one")
        left = (await anext(events))["cursor"]
    for number in range(4):
        await root.ask(CREATE, name=f"missed{number}")
    async with watching(served, "guest", left) as events:
        told = await anext(events)
        assert told["event"]["kind"] == "role.created"
        await root.ask(END, id=held)
        last = await anext(events)
        assert (last["__typename"], last["cursor"]) == ("AccessRevoked", told["cursor"])
