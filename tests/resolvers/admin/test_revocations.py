"""Taking tokens back over GraphQL: who may, what is hit, what is refused, what is written down."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from permissions.authn.principal import Client, Principal, new_id
from permissions.authn.refresh import digest
from resolvers.ids import encode
from tests.served import Answer, Caller, Served

REVOKE = """mutation ($input: RevokeTokensInput!) {
  revokeTokens(input: $input) { sessionsAffected countedAll ownSession applied unconfirmed ruleId }
}"""
ME = "{ me { displayName } }"
LISTED = """query ($first: Int, $after: String, $all: Boolean! = false) {
  revocations(first: $first, after: $after, all: $all) {
    edges { node { id cidr device userId everyone reason madeBy { displayName } } } pageInfo { hasNextPage endCursor }
  }
}"""
OFFICE, CAFE = "192.0.2.7", "198.51.100.9"


async def signed_in(served: Served, name: str, ip: str = OFFICE, device: str = "phone") -> Caller:
    """One of the people, somewhere."""
    user, accounts = served.people[name], served.services.authentication.accounts
    principal = Principal(user.id, new_id())
    refresh = digest(accounts.refresh_tokens.issue(principal))
    session = await accounts.sessions.open(principal, refresh, device, Client(ip=ip))
    return Caller(served.http, user, accounts.tokens.issue(session))


async def revoke(asker: Caller, **criteria: Any) -> Answer:
    """Have it done."""
    return await asker.ask(REVOKE, input={"reason": "breach", **criteria})


def gid(served: Served, name: str) -> str:
    """Somebody's global id."""
    return encode("User", served.people[name].id)


async def sid(served: Served, caller: Caller) -> str:
    """The global id of the caller's session."""
    assert caller.token
    token = await served.services.authentication.accounts.tokens.verify(caller.token)
    return encode("Session", token.principal.user_id, token.principal.session_id)


async def is_out(caller: Caller) -> bool:
    """Whether the caller is told that he was cut off, and why; else he must be let in."""
    answer = await caller.ask(ME)
    if "errors" not in answer.body:
        return False
    (error,) = answer.body["errors"]
    assert error["extensions"] == {"code": "TOKEN_REVOKED", "reason": "breach"}
    return True


async def test_a_network_is_cut_off_and_nobody_else(served: Served) -> None:
    admin = await signed_in(served, "admin", "203.0.113.1")
    hit = [await signed_in(served, name, OFFICE) for name in ("alice", "bob")]
    spared = [await signed_in(served, name, CAFE) for name in ("alice", "bob")]

    tried = (await revoke(admin, cidr="192.0.2.0/24", dryRun=True)).data["revokeTokens"]
    assert tried == {
        "sessionsAffected": 2, "countedAll": True, "ownSession": False,
        "applied": False, "unconfirmed": [], "ruleId": None
    }  # fmt: skip
    assert [await is_out(each) for each in (*hit, *spared)] == [False] * 4, "a dry run does nothing"

    done = (await revoke(admin, cidr="192.0.2.0/24")).data["revokeTokens"]
    assert (done["sessionsAffected"], done["countedAll"]) == (2, True)
    assert [await is_out(each) for each in (*hit, *spared, admin)] == [True, True, False, False, False]
    again = (await revoke(admin, cidr="192.0.0.0/16", dryRun=True)).data["revokeTokens"]
    assert again["sessionsAffected"] == 0, "what has ended is not counted again"
    assert not await is_out(await signed_in(served, "alice", OFFICE)), "who signs in afterwards is in"


@pytest.mark.parametrize(
    ("criteria", "out"),
    [
        ({"device": "phone"}, [True, False, True]),
        ({"device": "phone", "cidr": "192.0.2.0/24"}, [True, False, False]),
        ({"cidr": "0.0.0.0/0"}, [True, True, True]),
        ({"cidr": "::/0"}, [False, False, False]),
        ({"everyone": True}, [True, True, True]),
    ],
)
async def test_criteria_go_together(served: Served, criteria: dict[str, Any], out: list[bool]) -> None:
    admin = await signed_in(served, "admin", "2001:db8::1", "console")
    alice = [
        await signed_in(served, "alice", OFFICE, "phone"),
        await signed_in(served, "alice", OFFICE, "desk"),
        await signed_in(served, "bob", CAFE, "phone"),
    ]
    answer = (await revoke(admin, **criteria)).data["revokeTokens"]
    assert answer["sessionsAffected"] == sum(out) + bool(criteria.get("everyone")) + (criteria == {"cidr": "::/0"})
    assert [await is_out(each) for each in alice] == out


async def test_one_session_ends_with_its_refresh_tokens_and_so_does_a_user(served: Served) -> None:
    admin, one, other = [await signed_in(served, name) for name in ("admin", "alice", "alice")]
    answer = (await revoke(admin, sessionId=await sid(served, one))).data["revokeTokens"]
    assert answer["sessionsAffected"] == 1
    assert (await is_out(one), await is_out(other)) == (True, False)
    rule = next(iter(served.services.authentication.authenticator.gate.mirror.index))
    assert rule.expires_at - rule.made_at > 30 * 86_400_000, "its refresh tokens would live so long"
    assert (await revoke(admin, userId=gid(served, "alice"))).data["revokeTokens"]["sessionsAffected"] == 1
    assert await is_out(other)


async def test_tokens_and_keys_leave_sessions_alone(served: Served) -> None:
    admin, alice = await signed_in(served, "admin"), await signed_in(served, "alice")
    assert alice.token
    token = await served.services.authentication.accounts.tokens.verify(alice.token)
    answer = (await revoke(admin, jti=token.jti)).data["revokeTokens"]
    assert (answer["sessionsAffected"], answer["ownSession"]) == (0, False)
    assert await is_out(alice)
    answer = (await revoke(admin, keyId=token.kid)).data["revokeTokens"]
    assert (answer["sessionsAffected"], answer["ownSession"]) == (0, True)
    assert await is_out(admin)
    assert not await is_out(await signed_in(served, "alice"))


async def test_only_what_was_opened_before_is_hit(served: Served) -> None:
    admin, alice = await signed_in(served, "admin"), await signed_in(served, "alice")
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert (await revoke(admin, everyone=True, issuedBefore=hour_ago)).data["revokeTokens"]["sessionsAffected"] == 0
    assert not await is_out(alice)


async def test_an_administrator_is_told_that_he_is_hit_himself(served: Served) -> None:
    admin = await signed_in(served, "admin")
    assert (await revoke(admin, cidr=OFFICE, dryRun=True)).data["revokeTokens"]["ownSession"]
    assert not await is_out(admin)
    assert (await revoke(admin, cidr=OFFICE)).data["revokeTokens"]["ownSession"]
    assert await is_out(admin)


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "input"),
    ({"issuedBefore": "2026-01-01T00:00:00Z"}, "input"),
    ({"everyone": True, "device": "phone"}, "everyone"),
    ({"everyone": False}, "input"),
    ({"everyone": True, "issuedBefore": "2999-01-01T00:00:00Z"}, "issuedBefore"),
    ({"everyone": True, "issuedBefore": "1999-01-01T00:00:00Z"}, "issuedBefore"),
    ({"cidr": ""}, "cidr"),
    ({"cidr": "192.0.2.0/33"}, "cidr"),
    ({"cidr": "192.0.2.7/24"}, "cidr"),
    ({"cidr": "1" * 100_000}, "cidr"),
    ({"jti": "x"}, "jti"),
    ({"jti": ""}, "jti"),
    ({"keyId": "a b"}, "keyId"),
    ({"device": ""}, "device"),
    ({"device": "x" * 201}, "device"),
    ({"userId": "x"}, "userId"),
    ({"userId": encode("Conversation", "0" * 24)}, "userId"),
    ({"sessionId": encode("User", "0" * 24)}, "sessionId"),
    ({"sessionId": encode("Session", "0" * 24, "short")}, "sessionId"),
    ({"device": "phone", "reason": ""}, "reason"),
    ({"device": "phone", "reason": " "}, "reason"),
    ({"device": "phone", "reason": "x" * 201}, "reason"),
    ({"device": "phone", "reason": "line\nline"}, "reason"),
]


async def test_what_can_not_be_meant_is_refused(served: Served, subtests: pytest.Subtests) -> None:
    admin = await signed_in(served, "admin")
    for criteria, field in BAD:
        for dry in (True, False):
            with subtests.test(str(criteria)[:60], dry=dry):
                answer = await revoke(admin, **criteria, dryRun=dry)
                assert answer.codes == ["BAD_USER_INPUT"]
                assert answer.body["errors"][0]["extensions"]["field"] == field
                assert len(answer.body["errors"][0]["message"]) < 200
    assert len(served.services.authentication.authenticator.gate.mirror.index) == 0


async def test_who_may_not_learns_nothing_and_does_nothing(served: Served) -> None:
    for asker, code in ((await signed_in(served, "alice"), "FORBIDDEN"), (served.nobody, "UNAUTHENTICATED")):
        assert (await revoke(asker, everyone=True)).codes == [code]
        assert (await revoke(asker, everyone=True, dryRun=True)).codes == [code]
        assert (await asker.ask(LISTED)).codes == [code]
    assert len(served.services.authentication.authenticator.gate.mirror.index) == 0


async def test_it_is_written_down_who_took_back_what_and_why(served: Served) -> None:
    admin = await signed_in(served, "admin")
    rule = (await revoke(admin, cidr="198.51.100.0/24", device="phone")).data["revokeTokens"]["ruleId"]
    blocks = served.services.database.db.audit_blocks
    records = [record for block in await blocks.find({}).to_list() for record in block["records"]]
    (record,) = [each for each in records if each["kind"] == "tokens.revoked"]
    assert record["by"] == str(served.people["admin"].id)
    assert encode("Revocation", record["resource_id"]) == rule
    assert record["reason"] == "breach"
    assert '"network":"198.51.100.0/24"' in record["after"]
    assert '"device":"phone"' in record["after"]


async def test_rules_are_listed_newest_first_and_in_pages(served: Served) -> None:
    admin, alice = await signed_in(served, "admin", "203.0.113.1"), await signed_in(served, "alice")
    await revoke(admin, device="first")
    await revoke(admin, cidr="198.51.100.0/24")
    await alice.ask("mutation { logout { ended } }")
    page = (await admin.ask(LISTED, first=1)).data["revocations"]
    (edge,) = page["edges"]
    assert edge["node"]["cidr"] == "198.51.100.0/24"
    assert edge["node"]["madeBy"] == {"displayName": served.people["admin"].display_name}
    rest = (await admin.ask(LISTED, after=page["pageInfo"]["endCursor"])).data["revocations"]
    assert [each["node"]["device"] for each in rest["edges"]] == ["first"]
    assert not rest["pageInfo"]["hasNextPage"]
    everything = (await admin.ask(LISTED, all=True)).data["revocations"]["edges"]
    assert [each["node"]["reason"] for each in everything] == ["logged_out", "breach", "breach"]
    assert (await admin.ask(LISTED, after="x")).codes == ["BAD_USER_INPUT"]
    assert (await admin.ask(LISTED, after=encode("Revocation", new_id()))).codes == ["BAD_USER_INPUT"]
