"""`rotateSigningKey`: who may, what it answers, and what is written down."""

import jwt
import pytest

from models.signing_key import SigningKey
from tests.resolvers.admin.test_audit import stored
from tests.served import Caller, Served

ROTATE = "mutation ($input: RotateSigningKeyInput) { rotateSigningKey(input: $input) { keyId } }"
ME = "{ me { id } }"


def kid(caller: Caller) -> str:
    assert caller.token
    return str(jwt.get_unverified_header(caller.token)["kid"])


@pytest.mark.parametrize("name", ["alice", "sara", "admin"])
async def test_who_may_not_is_refused_and_nothing_is_rotated(served: Served, name: str) -> None:
    caller = await served.as_(name)
    assert (await caller.ask(ROTATE)).codes == ["FORBIDDEN"]
    assert (await served.nobody.ask(ROTATE)).codes == ["UNAUTHENTICATED"]
    assert await SigningKey.get_pymongo_collection().count_documents({}) == 1


async def test_the_answer_names_the_key_that_signs_now(served: Served) -> None:
    root = await served.as_("root")
    made = (await root.ask(ROTATE)).data["rotateSigningKey"]["keyId"]
    again = await served.as_("root")
    assert (kid(again), kid(root)) != (kid(root), made)
    assert kid(again) == made
    for caller in (root, again):
        assert (await caller.ask(ME)).data["me"]
    published = (await served.http.get("/.well-known/jwks.json")).json()["keys"]
    assert [key["kid"] for key in published] == [kid(root), made]


async def test_revoked_now_it_is_told_to_all_who_come_with_an_older_token(served: Served) -> None:
    root, alice = await served.as_("root"), await served.as_("alice")
    (await root.ask(ROTATE, input={"revokeNow": True})).data  # noqa: B018
    for caller in (root, alice):
        (error,) = (await caller.ask("{ conversations(first: 1) { edges { cursor } } }")).body["errors"]
        assert error["extensions"] == {"code": "TOKEN_REVOKED", "reason": "key_revoked"}
    assert (await (await served.as_("alice")).ask(ME)).data["me"]


async def test_it_is_written_down_by_whom_and_from_which_key_to_which(served: Served) -> None:
    root = await served.as_("root")
    first = (await root.ask(ROTATE)).data["rotateSigningKey"]["keyId"]
    second = (await root.ask(ROTATE, input={"revokeNow": True})).data["rotateSigningKey"]["keyId"]
    records = [record for record in await stored(served) if record["kind"].startswith("signing_key.")]
    assert [record["kind"] for record in records] == ["signing_key.rotated", "signing_key.revoked"]
    assert {record["by"] for record in records} == {str(served.people["root"].id)}
    assert [record["resource_id"] for record in records] == [first, second]
    assert first in records[1]["before"]
    assert kid(root) in records[1]["after"], "both older keys are named"
    material = [key.encrypted_private_key.hex() for key in await SigningKey.find_all().to_list()]
    assert not any(each and each in str(records) for each in material)


async def test_public_keys_are_asked_for_anew_only_when_they_have_changed(served: Served) -> None:
    first = await served.http.get("/.well-known/jwks.json")
    assert (first.headers["cache-control"], first.headers["content-type"]) == (
        "public, max-age=60",
        "application/jwk-set+json",
    )
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        same = await served.http.get("/.well-known/jwks.json", headers={"If-None-Match": known})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    head = await served.http.head("/.well-known/jwks.json")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)
    assert head.headers["content-length"] == first.headers["content-length"]
    (await (await served.as_("root")).ask(ROTATE)).data  # noqa: B018
    changed = await served.http.get("/.well-known/jwks.json", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert {member for key in changed.json()["keys"] for member in key} == {"kty", "crv", "x", "kid", "alg", "use"}
    assert (await served.http.post("/.well-known/jwks.json")).status_code == 405
