"""Who may, what, and to which: page by page, and as evaluations would have it."""

from typing import Any

import pytest

from models.user import User
from permissions.actions import Action
from resolvers.ids import encode
from tests.api.authzen.conftest import Pdp, conversation, question
from tests.served import Served

ALICE, BOB, SARA = "alice@demo.example", "bob@demo.example", "sara@demo.example"


def about(subject: str | None, action: str | None, type_: str, id_: str | None = None, **more: Any) -> dict[str, Any]:
    """A search's body: what is None is what is looked for."""
    body = {**question(subject or "", action or "", type_, id_ or ""), **more}
    if subject is None:
        del body["subject"]["id"]
    if action is None:
        del body["action"]
    if id_ is None:
        del body["resource"]["id"]
    return body


async def pages(pdp: Pdp, path: str, body: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """All pages of a search."""
    found, token = [], None
    for _ in range(50):
        page = {**body.get("page", {}), **({"token": token} if token else {})}
        answer = await pdp.ask(path, {**body, "page": page})
        assert next(iter(answer)) == "page"
        assert answer["page"]["count"] == len(answer["results"])
        found.append(answer["results"])
        token = answer["page"]["next_token"]
        if not token:
            return found
    pytest.fail("a search without an end")


async def results(pdp: Pdp, path: str, body: dict[str, Any]) -> list[Any]:
    return [each.get("id", each.get("name")) for page in await pages(pdp, path, body) for each in page]


async def test_the_subjects_who_may_read_a_conversation(served: Served, pdp: Pdp) -> None:
    id_ = await conversation(served.people["alice"], region="EMEA", clearance_required=3)
    found = await results(pdp, "search/subject", about(None, "read", "conversation", id_))
    wanted = {encode("User", served.people[name].id) for name in ("root", "admin", "alice", "sara")}
    assert set(found) == wanted
    for name, user in served.people.items():
        allowed = await pdp.decides(f"{name}@demo.example", "read", "conversation", id_)
        assert allowed is (encode("User", user.id) in found)


async def test_the_subjects_of_another_services_resource(served: Served, pdp: Pdp) -> None:
    found = await results(pdp, "search/subject", about(None, "write", "sales_data", "1"))
    assert encode("User", served.people["alice"].id) in found
    assert encode("User", served.people["john"].id) not in found


async def test_the_conversations_that_somebody_may_read(served: Served, pdp: Pdp) -> None:
    near = [await conversation(served.people["alice"], region="EMEA", clearance_required=n) for n in (1, 2, 3)]
    above = await conversation(served.people["alice"], region="EMEA", clearance_required=4)
    far = await conversation(served.people["bob"], region="US-West", clearance_required=1)
    assert await results(pdp, "search/resource", about(SARA, "read", "conversation")) == near[::-1]
    assert await results(pdp, "search/resource", about(BOB, "conversation:read", "conversation")) == [far]
    assert await results(pdp, "search/resource", about(SARA, "delete", "conversation")) == []
    assert await results(pdp, "search/resource", about(ALICE, "delete", "conversation")) == [above, *near[::-1]]


async def test_the_accounts_that_somebody_may_see(served: Served, pdp: Pdp) -> None:
    everybody = {encode("User", user.id) for user in await User.find_all().to_list()}
    assert set(await results(pdp, "search/resource", about(SARA, "read", "user"))) == everybody
    own = encode("User", served.people["bob"].id)
    assert await results(pdp, "search/resource", about(BOB, "read", "user")) == [own]


async def test_the_actions_that_somebody_may_do(served: Served, pdp: Pdp) -> None:
    id_ = await conversation(served.people["alice"], region="EMEA", clearance_required=1)
    verbs = sorted(each.partition(":")[2] for each in Action if each.resource_type == "conversation")
    assert await results(pdp, "search/action", about(ALICE, None, "conversation", id_)) == verbs
    assert await results(pdp, "search/action", about(SARA, None, "conversation", id_)) == ["read"]
    assert await results(pdp, "search/action", about(ALICE, None, "sales_data", "1")) == ["read", "write"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("search/subject", {**about(None, "read", "sales_data", "1"), "subject": {"type": "spaceship"}}),
        ("search/subject", about(None, "fly", "sales_data", "1")),
        ("search/subject", about(None, "read", "conversation", "nowhere")),
        ("search/resource", about("nobody@demo.example", "read", "conversation")),
        ("search/resource", about(ALICE, "read", "spaceship")),
        ("search/resource", about(ALICE, "message:read", "conversation")),
        ("search/action", about("nobody@demo.example", None, "sales_data", "1")),
        ("search/action", about(ALICE, None, "spaceship", "1")),
        ("search/action", about(ALICE, None, "conversation", "nowhere")),
    ],
)
async def test_what_is_unknown_finds_nothing(pdp: Pdp, path: str, body: dict[str, Any]) -> None:
    assert await pdp.ask(path, body) == {"page": {"next_token": "", "count": 0}, "results": []}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("search/subject", about(None, None, "sales_data", "1")),
        ("search/subject", about(None, "read", "sales_data")),
        ("search/resource", about(None, "read", "sales_data")),
        ("search/resource", about(ALICE, "read", "sales_data")),  # another service keeps them: none would be a lie
        ("search/resource", about(ALICE, "read", "message")),
        ("search/action", {"subject": {"type": "user", "id": ALICE}}),
        ("search/resource", about(ALICE, "read", "conversation", page=1)),
        ("search/resource", about(ALICE, "read", "conversation", page=["limit"])),
        *(("search/resource", about(ALICE, "read", "conversation", page={"limit": n})) for n in (-1, True, 1.5, "1")),
        *(
            ("search/resource", about(ALICE, "read", "conversation", page={"token": token}))
            for token in (1, "x", "\0", "é", "W10", "bnVsbA", "x" * 2_000, "W1siYSJdLDEsW11d")
        ),
    ],
)
async def test_what_cannot_be_meant_is_refused(pdp: Pdp, path: str, body: dict[str, Any]) -> None:
    response = await pdp.post(path, body)
    assert response.status_code == 400
    assert isinstance(response.json(), str)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_pages_hold_all_results_once(served: Served, pdp: Pdp, limit: int) -> None:
    ids = [await conversation(served.people["alice"]) for _ in range(5)]
    bodies = {
        "search/subject": about(None, "read", "conversation", ids[0]),
        "search/resource": about(ALICE, "read", "conversation"),
        "search/action": about(ALICE, None, "conversation", ids[0]),
    }
    for path, body in [*bodies.items(), ("search/resource", about(SARA, "read", "user"))]:
        whole = await results(pdp, path, body)
        cut = await pages(pdp, path, {**body, "page": {"limit": limit}})
        assert all(len(page) <= limit for page in cut)
        assert [each.get("id", each.get("name")) for page in cut for each in page] == whole
        assert len(set(whole)) == len(whole) > 1


async def test_a_page_of_nothing_tells_whether_there_is_more(served: Served, pdp: Pdp) -> None:
    await conversation(served.people["alice"])
    answer = await pdp.ask("search/resource", about(ALICE, "read", "conversation", page={"limit": 0}))
    assert answer["results"] == []
    assert answer["page"]["next_token"]
    assert not (await pdp.ask("search/resource", about(BOB, "read", "conversation", page={"limit": 0})))["page"][
        "next_token"
    ]


async def test_a_token_goes_with_its_search_only(served: Served, pdp: Pdp) -> None:
    for _ in range(3):
        await conversation(served.people["alice"])
    body = about(ALICE, "read", "conversation", page={"limit": 1})
    token = (await pdp.ask("search/resource", body))["page"]["next_token"]

    page: dict[str, Any] = {"token": token}
    assert (await pdp.post("search/resource", {**body, "page": page})).status_code == 200
    assert (await pdp.post("search/resource", {**body, "page": {**page, "limit": 1}})).status_code == 200
    for other in (
        {**body, "page": {**page, "limit": 2}},
        {**body, "page": page, "context": {"ip": "10.0.0.1"}},
        {**about(ALICE, "delete", "conversation"), "page": page},
        {**about(BOB, "read", "conversation"), "page": page},
    ):
        assert (await pdp.post("search/resource", other)).status_code == 400
    for path in ("search/subject", "search/action"):
        assert (await pdp.post(path, {**question(ALICE, "read", "conversation", "x"), "page": page})).status_code == 400
