"""Services sign in by client credentials, and only those with the right may ask."""

from base64 import b64encode
from typing import Any

import httpx
import pytest

from models.clock import now
from models.role import RoleAssignment
from models.user import User
from permissions.authn.errors import BadCredentialsError, ServiceNameError
from permissions.authn.passwords import Passwords
from permissions.authn.principal import Client
from permissions.authn.services import register_service, renew_secret
from permissions.changes import SYSTEM
from resolvers.ids import permissions_token
from tests.api.authzen.conftest import Pdp, question, service
from tests.served import Served

PATHS = ["evaluation", "evaluations", "search/subject", "search/resource", "search/action"]
ASKED = question("alice@demo.example", "read", "sales_data", "1")


async def token(served: Served, fields: dict[str, str], headers: dict[str, str] | None = None) -> httpx.Response:
    return await served.http.post("/oauth/token", data=fields, headers=headers)


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{name}:{secret}".encode()).decode()}


async def test_a_token_is_issued_for_either_way_to_prove_oneself(served: Served, pdp: Pdp) -> None:
    in_body = {"client_id": pdp.client_id, "client_secret": pdp.client_secret}
    for proof, headers in ((in_body, None), ({}, basic(pdp.client_id, pdp.client_secret))):
        answer = await token(served, {"grant_type": "client_credentials", **proof}, headers)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["token_type"] == "Bearer"
        assert answer.json()["expires_in"] == 900
        assert "refresh_token" not in answer.json()
        again = Pdp(served.http, answer.json()["access_token"])
        assert await again.decides("alice@demo.example", "read", "sales_data", "1")


async def test_what_is_wrong_with_a_request_for_a_token_is_said_by_rfc_6749(served: Served, pdp: Pdp) -> None:
    proof = {"client_id": pdp.client_id, "client_secret": pdp.client_secret}
    grant = {"grant_type": "client_credentials"}
    wrong: list[tuple[dict[str, Any], int, str]] = [
        ({**proof}, 400, "invalid_request"),
        ({**proof, "grant_type": "password"}, 400, "unsupported_grant_type"),
        ({**proof, **grant, "scope": "all"}, 400, "invalid_scope"),
        ({**grant}, 401, "invalid_client"),
        ({**grant, "client_id": pdp.client_id}, 401, "invalid_client"),
        ({**grant, **proof, "client_secret": "guess"}, 401, "invalid_client"),
        ({**grant, **proof, "client_id": "nobody"}, 401, "invalid_client"),
        ({**grant, **proof, "client_id": "alice@demo.example"}, 401, "invalid_client"),
        ({**grant, **proof, "client_id": "\0"}, 401, "invalid_client"),
        ({**grant, **proof, "headers": basic(pdp.client_id, pdp.client_secret)}, 400, "invalid_request"),
        ({**grant, "client_id": "other", "headers": basic(pdp.client_id, pdp.client_secret)}, 400, "invalid_request"),
        ({**grant, "headers": {"Authorization": "Bearer x"}}, 401, "invalid_client"),
        ({**grant, "headers": {"Authorization": "Basic é"}}, 401, "invalid_client"),
        ({**grant, "headers": {"Authorization": "Basic YQ=="}}, 401, "invalid_client"),
    ]
    for given, status, error in wrong:
        headers = {name: value.encode() for name, value in given.pop("headers", {}).items()}
        answer = await served.http.post("/oauth/token", data=given, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (status, error), given
        assert ("www-authenticate" in answer.headers) is (status == 401)


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        (b"grant_type=client_credentials&grant_type=client_credentials", "application/x-www-form-urlencoded"),
        (b"\xff=%ff", "application/x-www-form-urlencoded"),
        (b"a=b&" * 30, "application/x-www-form-urlencoded"),
        (b"a=" + b"b" * 10_000, "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"", ""),
    ],
)
async def test_a_body_that_is_no_form_is_refused(served: Served, body: bytes, type_: str) -> None:
    answer = await served.http.post("/oauth/token", content=body, headers={"Content-Type": type_})
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] in ("invalid_request", "invalid_client")


async def test_guessing_a_secret_ends_in_having_to_wait(served: Served, pdp: Pdp) -> None:
    grant = {"grant_type": "client_credentials", "client_id": pdp.client_id}
    statuses = [(await token(served, {**grant, "client_secret": "guess"})).status_code for _ in range(10)]
    assert set(statuses) == {401}
    refused = await token(served, {**grant, "client_secret": pdp.client_secret})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0


async def test_a_service_cannot_log_in_as_a_person_does(served: Served, pdp: Pdp) -> None:
    accounts = served.services.authentication.accounts
    for guess in (pdp.client_secret, "", "parley-demo-password"):
        with pytest.raises(BadCredentialsError):
            await accounts.login(pdp.client_id, guess, Client())


async def test_a_renewed_secret_replaces_the_old_one(served: Served, pdp: Pdp) -> None:
    grant = {"grant_type": "client_credentials", "client_id": pdp.client_id}
    renewed = await renew_secret(pdp.client_id)
    assert (await token(served, {**grant, "client_secret": pdp.client_secret})).status_code == 401
    assert (await token(served, {**grant, "client_secret": renewed})).status_code == 200
    stored = await User.find_one({"email_key": pdp.client_id})
    assert stored is not None
    assert renewed not in str(stored.model_dump())


async def test_a_name_is_plain_and_free(pdp: Pdp) -> None:
    passwords = Passwords(hashers=1)
    for name in ("", "A", "a", "a b", "a@b", "-a", "a" * 64, "billing"):
        with pytest.raises(ServiceNameError):
            await register_service(passwords, name)
    passwords.close()
    for name in ("", "A", "a@b", "nobody"):
        with pytest.raises(ServiceNameError):
            await renew_secret(name)


async def test_a_person_has_no_secret_to_renew(served: Served) -> None:
    with pytest.raises(ServiceNameError):
        await renew_secret("alice@demo.example")


async def test_who_is_not_signed_in_is_told_how(served: Served) -> None:
    for path in PATHS:
        bare = await served.http.post(f"/access/v1/{path}", json=ASKED)
        false = await served.http.post(f"/access/v1/{path}", json={}, headers={"Authorization": "Bearer x"})
        assert bare.status_code == false.status_code == 401
        assert bare.headers["www-authenticate"] == 'Bearer realm="parley"'
        assert false.headers["www-authenticate"] == 'Bearer realm="parley", error="invalid_token"'
        assert isinstance(bare.json(), str)


async def test_who_lacks_the_right_may_ask_nothing(served: Served) -> None:
    strangers = [(await served.as_(name)).token for name in ("alice", "sara", "admin")]
    strangers.append((await service(served, "powerless")).token)
    for path in PATHS:
        for each in strangers:
            response = await Pdp(served.http, each or "").post(path, ASKED)
            assert response.status_code == 403
            assert isinstance(response.json(), str)


async def test_a_disabled_service_is_out_within_a_second(served: Served, pdp: Pdp) -> None:
    await User.get_pymongo_collection().update_one({"email_key": pdp.client_id}, {"$set": {"disabled": True}})
    assert (await pdp.post("evaluation", ASKED)).status_code == 401
    grant = {"grant_type": "client_credentials", "client_id": pdp.client_id, "client_secret": pdp.client_secret}
    assert (await token(served, grant)).status_code == 401


async def test_a_service_holds_roles_as_a_person_does(served: Served) -> None:
    late = await service(served, "late")
    assert (await late.post("evaluation", ASKED)).status_code == 403
    account = await User.find_one({"email_key": "late"})
    assert account is not None
    given = RoleAssignment(user_id=account.id, role="policy_decision_client", granted_at=now())
    await served.services.changes.assign(given, SYSTEM)
    assert (await late.post("evaluation", ASKED)).status_code == 200


async def test_the_metadata_say_where_the_endpoints_are(served: Served) -> None:
    response = await served.http.get("/.well-known/authzen-configuration")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    base = "http://parley.test"
    assert response.json() == {
        "policy_decision_point": base,
        "access_evaluation_endpoint": f"{base}/access/v1/evaluation",
        "access_evaluations_endpoint": f"{base}/access/v1/evaluations",
        "search_subject_endpoint": f"{base}/access/v1/search/subject",
        "search_resource_endpoint": f"{base}/access/v1/search/resource",
        "search_action_endpoint": f"{base}/access/v1/search/action",
    }


async def test_a_host_that_is_none_is_refused(served: Served) -> None:
    for host in ("", 'evil"', "a b", "a/b", "[::1", "x:99999999", "é"):
        headers = {b"Host": host.encode("latin-1")}
        response = await served.http.get("/.well-known/authzen-configuration", headers=headers)
        assert response.status_code == 400


async def test_rules_can_be_asked_for_that_are_fresh_enough(served: Served, pdp: Pdp) -> None:
    revision = (await served.services.permissions.world()).revision
    for token, status in ((permissions_token(revision), 200), ("nonsense", 400)):
        assert (await pdp.post("evaluation", ASKED, {"X-Permissions-At-Least": token})).status_code == status
