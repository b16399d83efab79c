"""Ending sessions: whose, by whom, and what those learn of it who may not."""

import asyncio
from typing import Any

from beanie import PydanticObjectId

from models.database import Database
from permissions.authn.principal import new_id
from resolvers.ids import encode
from tests.permissions.audit.checked import stored
from tests.served import Caller, Served

END = "mutation ($id: ID!) { endSession(input: {sessionId: $id}) { sessionId applied } }"
END_ALL = "mutation ($id: ID) { endAllSessions(input: {userId: $id}) { count applied } }"
SESSIONS = "{ me { sessions { id device current ip openedIp createdAt lastUsedAt expiresAt idleExpiresAt } } }"
SESSIONS_OF = "query ($id: ID!) { node(id: $id) { ... on User { sessions { id current } } } }"


async def session_of(caller: Caller) -> str:
    """The id of the session that asks."""
    listed = (await caller.ask(SESSIONS)).data["me"]["sessions"]
    return str(next(each["id"] for each in listed if each["current"]))


def gid(caller: Caller) -> str:
    assert caller.user is not None
    return encode("User", caller.user.id)


async def refusal(caller: Caller) -> dict[str, Any] | None:
    answer = (await caller.ask("{ me { id } }")).body
    return answer["errors"][0]["extensions"] if "errors" in answer else None


async def test_one_ends_ones_own_sessions_and_hears_that_it_is_so_everywhere(served: Served) -> None:
    phone, laptop = await served.as_("alice"), await served.as_("alice")
    ended = await session_of(laptop)
    answer = await phone.ask(END, id=ended)
    assert answer.data["endSession"] == {"sessionId": ended, "applied": True}
    assert await refusal(laptop) == {"code": "TOKEN_REVOKED", "reason": "session_ended"}
    assert await refusal(phone) is None
    assert len((await phone.ask(SESSIONS)).data["me"]["sessions"]) == 1


async def test_one_may_end_the_session_that_asks(served: Served) -> None:
    phone = await served.as_("alice")
    assert (await phone.ask(END, id=await session_of(phone))).status == 200
    assert await refusal(phone) == {"code": "TOKEN_REVOKED", "reason": "session_ended"}


async def test_an_admin_ends_anybodys_and_it_is_written_down(served: Served, database: Database) -> None:
    alice, admin = await served.as_("alice"), await served.as_("admin")
    session = await session_of(alice)
    listed = (await admin.ask(SESSIONS_OF, id=gid(alice))).data["node"]["sessions"]
    assert listed == [{"id": session, "current": False}]
    assert (await admin.ask(END, id=session)).data["endSession"]["applied"] is True
    assert await refusal(alice) == {"code": "TOKEN_REVOKED", "reason": "ended_by_admin"}
    assert admin.user is not None
    [record] = [each for each in await stored(database) if each.kind == "session.ended"]
    assert (record.by, record.reason, record.resource_type) == (str(admin.user.id), "ended_by_admin", "session")


async def test_a_logout_is_written_down_like_any_other_end(served: Served, database: Database) -> None:
    alice = await served.as_("alice")
    for ended in (True, False):
        assert (await alice.ask("mutation { logout { ended } }")).body.get("data", {}).get("logout") == {"ended": ended}
    assert alice.user is not None
    [record] = [each for each in await stored(database) if each.kind == "session.ended"]
    assert (record.by, record.reason, record.resource_type) == (str(alice.user.id), "logged_out", "session")


async def test_an_admin_ends_all_of_somebodys_sessions(served: Served, database: Database) -> None:
    devices, admin = [await served.as_("alice") for _ in range(3)], await served.as_("admin")
    answer = await admin.ask(END_ALL, id=gid(devices[0]))
    assert answer.data["endAllSessions"] == {"count": 3, "applied": True}
    assert {str(await refusal(each)) for each in devices} == {
        str({"code": "TOKEN_REVOKED", "reason": "ended_by_admin"})
    }
    assert await refusal(admin) is None
    assert await refusal(await served.as_("alice")) is None, "what is opened later counts"
    assert "sessions.ended" in {each.kind for each in await stored(database)}


async def test_nobody_learns_whether_a_session_exists_that_is_not_his(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    assert alice.user is not None
    real = await bob.ask(END, id=await session_of(alice))
    for owner, name in ((alice.user.id, new_id()), (PydanticObjectId(), new_id()), (alice.user.id, "x")):
        invented = await bob.ask(END, id=encode("Session", owner, name))
        assert real.codes == invented.codes == ["NOT_FOUND"]
        assert real.body["errors"][0]["message"] == invented.body["errors"][0]["message"]
    assert await refusal(alice) is None


async def test_nobody_ends_all_sessions_of_others_without_the_right_to_it(served: Served) -> None:
    alice, bob, sara = await served.as_("alice"), await served.as_("bob"), await served.as_("sara")
    assert (await bob.ask(END_ALL, id=gid(alice))).codes == ["NOT_FOUND"]
    assert (await sara.ask(END_ALL, id=gid(alice))).codes == ["NOT_FOUND"], "she sees the account, not its sessions"
    assert (await sara.ask(SESSIONS_OF, id=gid(alice))).codes == ["FORBIDDEN"]
    assert await refusal(alice) is None


async def test_nobody_is_asked_to_sign_in_and_nonsense_is_refused_in_words(served: Served) -> None:
    for document in ("mutation { endOtherSessions { count } }", "mutation { endAllSessions { count } }"):
        assert (await served.nobody.ask(document)).codes == ["UNAUTHENTICATED"]
    alice = await served.as_("alice")
    for named in ("", "x", encode("User", PydanticObjectId()), encode("Session", "x", "y"), "\x00"):
        assert (await alice.ask(END, id=named)).codes == ["BAD_USER_INPUT"], named


async def test_ending_what_has_ended_is_no_error_and_no_second_record(served: Served, database: Database) -> None:
    phone, laptop = await served.as_("alice"), await served.as_("alice")
    session = await session_of(laptop)
    for _ in range(2):
        assert (await phone.ask(END, id=session)).data["endSession"]["sessionId"] == session
    assert [each.kind for each in await stored(database)].count("session.ended") == 1


async def test_an_invented_session_makes_no_rule(served: Served, database: Database) -> None:
    alice = await served.as_("alice")
    assert alice.user is not None
    for _ in range(3):
        assert (await alice.ask(END, id=encode("Session", alice.user.id, new_id()))).codes == ["NOT_FOUND"]
    assert await database.db.revocation_rules.find({}).to_list() == []


async def test_who_ends_again_and_again_what_has_ended_makes_one_rule(served: Served, database: Database) -> None:
    phone, laptop = await served.as_("alice"), await served.as_("alice")
    session = await session_of(laptop)
    for _ in range(5):
        assert (await phone.ask(END, id=session)).data["endSession"]["applied"] is True
    await asyncio.gather(*(phone.ask(END, id=session) for _ in range(10)))
    assert await database.db.revocation_rules.count_documents({}) == 1


async def test_who_ends_his_other_sessions_again_and_again_fills_no_memory(served: Served, database: Database) -> None:
    phone, laptop = await served.as_("alice"), await served.as_("alice")
    others = "mutation { endOtherSessions { count } }"
    counts = [(await phone.ask(others)).data["endOtherSessions"]["count"] for _ in range(5)]
    assert counts == [1, 0, 0, 0, 0]
    assert await database.db.revocation_rules.count_documents({}) == 1
    assert await refusal(laptop) == {"code": "TOKEN_REVOKED", "reason": "session_ended"}
    tablet = await served.as_("alice")
    assert (await phone.ask(others)).data["endOtherSessions"]["count"] == 1, "what is new is ended all the same"
    assert await refusal(tablet) == {"code": "TOKEN_REVOKED", "reason": "session_ended"}
