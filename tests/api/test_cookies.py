"""The refresh token in a cookie: kept from scripts, and of no use to other sites."""

import asyncio
from dataclasses import dataclass
from http.cookies import Morsel, SimpleCookie
from typing import Any, Final

import httpx
import pytest
from starlette.responses import Response

from api.cookies import RefreshCookie
from api.origins import Origins
from models.database import Database
from permissions.authn.refresh import PREFIX
from permissions.authn.registration import NewUser
from tests.served import Answer, Served

EMAIL, PASSWORD = "ann@example.org", "correct horse battery staple"
NAME = "__Secure-parley_refresh"
OWN = {"X-CSRF-Protection": "1"}
LOGIN = """mutation ($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }"""
REFRESH = "mutation { refreshSession(input: {}) { accessToken refreshToken } }"
LOGOUT = "mutation { logout { ended } }"
FOREIGN: Final[list[dict[str, str]]] = [
    {},
    {"X-CSRF-Protection": ""},
    {**OWN, "Origin": "https://evil.example"},
    {**OWN, "Origin": "http://neighbour.parley.test"},
    {**OWN, "Origin": "http://parley.test.evil.example"},
    {**OWN, "Origin": "http://parley.test:8080"},
    {**OWN, "Origin": "null"},
    {**OWN, "Origin": ""},
    {**OWN, "Origin": "http://parley.test@evil.example"},
    {**OWN, "Origin": "http://[parley.test"},
    {**OWN, "Sec-Fetch-Site": "cross-site"},
    {**OWN, "Sec-Fetch-Site": "same-site"},
    {**OWN, "Sec-Fetch-Site": "none"},
    {**OWN, "Sec-Fetch-Site": "cross-site", "Origin": "http://parley.test"},
]


@dataclass
class Page:
    """A browser's page, whose cookies nobody but this test looks at."""

    http: httpx.AsyncClient
    kept: str = ""

    async def ask(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> Answer:
        sent = {**(OWN if headers is None else headers)}
        if self.kept:
            sent.setdefault("Cookie", f"theme=dark; {NAME}={self.kept}; a=b")
        response = await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=sent)
        self.http.cookies.clear()
        return Answer(response.status_code, response.headers, response.json())

    async def login(self) -> "Morsel[str]":
        """Sign in, and keep what comes."""
        answer = await self.ask(LOGIN, input={"email": EMAIL, "password": PASSWORD, "cookie": True})
        assert answer.data["login"]["refreshToken"] is None
        morsel = cookie_of(answer)
        self.kept = morsel.value
        return morsel


def cookie_of(answer: Answer) -> "Morsel[str]":
    return SimpleCookie(answer.headers["set-cookie"])[NAME]


@pytest.fixture
async def page(served: Served) -> Page:
    await served.services.authentication.accounts.create_user(NewUser(EMAIL, "Ann", PASSWORD))
    return Page(served.http)


async def test_scripts_other_sites_and_other_paths_do_not_get_the_cookie(page: Page) -> None:
    morsel = await page.login()
    assert morsel.value.startswith(PREFIX)
    assert (morsel["httponly"], morsel["secure"], morsel["samesite"], morsel["path"], morsel["domain"]) == (
        True,
        True,
        "strict",
        "/graphql",
        "",
    )
    assert 29 * 24 * 3600 < int(morsel["max-age"]) <= 30 * 24 * 3600


async def test_who_does_not_ask_for_a_cookie_gets_none(page: Page) -> None:
    answer = await page.ask(LOGIN, {}, input={"email": EMAIL, "password": PASSWORD})
    assert answer.data["login"]["refreshToken"].startswith(PREFIX)
    assert "set-cookie" not in answer.headers


async def test_a_refresh_swaps_the_cookie_and_keeps_it_out_of_the_body(page: Page) -> None:
    await page.login()
    answer = await page.ask(REFRESH)
    assert answer.data["refreshSession"]["refreshToken"] is None
    assert answer.data["refreshSession"]["accessToken"]
    assert cookie_of(answer).value not in ("", page.kept)
    assert page.kept not in answer.headers["set-cookie"]


async def test_a_token_in_the_body_is_answered_in_the_body(page: Page) -> None:
    token = (await page.ask(LOGIN, {}, input={"email": EMAIL, "password": PASSWORD})).data["login"]["refreshToken"]
    await page.login()
    document = "mutation ($t: String) { refreshSession(input: {refreshToken: $t}) { refreshToken } }"
    answer = await page.ask(document, {}, t=token)
    assert answer.data["refreshSession"]["refreshToken"].startswith(PREFIX)
    assert "set-cookie" not in answer.headers


async def test_another_site_can_neither_refresh_nor_log_in_nor_log_out(page: Page) -> None:
    await page.login()
    for headers in FOREIGN:
        login = await page.ask(LOGIN, headers, input={"email": EMAIL, "password": PASSWORD, "cookie": True})
        for answer in (login, await page.ask(REFRESH, headers), await page.ask(LOGOUT, headers)):
            assert answer.codes == ["UNAUTHENTICATED"], headers
            assert "set-cookie" not in answer.headers, headers
    assert (await page.ask(REFRESH)).data, "and nothing has happened to the session"


async def test_our_own_pages_can(page: Page) -> None:
    own: list[dict[str, str]] = [{}, {"Origin": "http://parley.test"}, {"Sec-Fetch-Site": "same-origin"}]
    await page.login()
    for headers in own:
        answer = await page.ask(REFRESH, {**OWN, **headers})
        assert answer.data["refreshSession"]["accessToken"]
        page.kept = cookie_of(answer).value


async def test_a_form_of_another_site_does_nothing(page: Page) -> None:
    await page.login()
    body = '{"query": "mutation { refreshSession(input: {}) { accessToken } }"}'
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        sent = {"Cookie": f"{NAME}={page.kept}", "Content-Type": content_type}
        response = await page.http.post("/graphql", content=body, headers=sent)
        assert response.status_code >= 400 or response.json().get("errors"), content_type
        assert "set-cookie" not in response.headers
    assert (await page.ask(REFRESH)).data


async def test_no_other_origin_is_let_through_by_a_preflight(page: Page) -> None:
    sent = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-csrf-protection, content-type",
    }
    response = await page.http.options("/graphql", headers=sent)
    assert not [name for name in response.headers if name.startswith("access-control-")]


async def test_a_mutation_by_get_does_nothing(page: Page) -> None:
    await page.login()
    sent = {**OWN, "Cookie": f"{NAME}={page.kept}"}
    response = await page.http.get("/graphql", params={"query": REFRESH}, headers=sent)
    assert "set-cookie" not in response.headers
    assert response.status_code >= 400


async def test_a_cookie_that_a_neighbour_planted_beside_ours_is_refused(page: Page) -> None:
    await page.login()
    for planted in (f"{NAME}=prt_x; {NAME}={page.kept}", f"{NAME}={page.kept};{NAME}={page.kept}"):
        answer = await page.ask(REFRESH, {**OWN, "Cookie": planted})
        assert answer.codes == ["UNAUTHENTICATED"]


async def test_what_is_no_token_of_ours_is_refused_as_ever(page: Page) -> None:
    for value in ("", "prt_", "prt_" + "A" * 102, "x" * 7_000, "é", "prt_" + "%41" * 34, "\x7f"):
        sent = [*OWN.items(), ("Cookie", f"{NAME}={value}")]
        headers = [(name.encode(), text.encode()) for name, text in sent]
        response = await page.http.post("/graphql", json={"query": REFRESH}, headers=headers)
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED", value


async def test_the_name_without_the_prefix_is_not_read_where_cookies_are_secure(page: Page) -> None:
    await page.login()
    answer = await page.ask(REFRESH, {**OWN, "Cookie": f"parley_refresh={page.kept}"})
    assert answer.codes == ["BAD_USER_INPUT"]


async def test_logging_out_takes_the_cookie_away_and_ends_its_session(page: Page) -> None:
    await page.login()
    answer = await page.ask(LOGOUT)
    assert answer.data == {"logout": {"ended": True}}, "the access token may have expired: the cookie says whose it is"
    assert (cookie_of(answer).value, cookie_of(answer)["max-age"], cookie_of(answer)["path"]) == ("", "0", "/graphql")
    assert (await page.ask(REFRESH)).body["errors"][0]["extensions"] == {
        "code": "TOKEN_REVOKED",
        "reason": "logged_out",
    }


async def test_a_cookie_proves_nothing_but_at_a_refresh(page: Page) -> None:
    await page.login()
    assert (await page.ask("{ me { id } }")).data == {"me": None}
    assert (await page.ask("mutation { endAllSessions { count } }")).codes == ["UNAUTHENTICATED"]


@pytest.mark.parametrize(
    ("url", "public_url", "secure"),
    [
        ("http://127.0.0.1:8000", None, False),
        ("http://localhost:8000", None, False),
        ("http://[::1]:8000", None, False),
        ("http://127.0.0.1:8000", "https://chat.example.org", True),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", False),
        ("http://192.0.2.7", None, True),
        ("http://localhost.evil.example", None, True),
        ("https://localhost", None, True),
    ],
)
def test_only_on_this_very_machine_is_the_cookie_not_secure(url: str, public_url: str | None, secure: bool) -> None:
    scheme, _, host = url.partition("://")
    scope = {
        "type": "http",
        "scheme": scheme,
        "path": "/graphql",
        "query_string": b"",
        "headers": [(b"host", host.encode())],
    }
    response = Response()
    cookie = RefreshCookie(scope, response.raw_headers, Origins.parse("", public_url))
    cookie.forget()
    assert ("; Secure" in response.headers["set-cookie"]) is secure
    assert response.headers["set-cookie"].startswith("__Secure-") is secure


async def test_who_signs_out_again_and_again_does_not_fill_the_workers_memory(
    page: Page, served: Served, database: Database
) -> None:
    await page.login()
    many = "mutation { " + " ".join(f"a{each}: logout {{ ended }}" for each in range(5)) + " }"
    await page.ask(many)
    await asyncio.gather(*(page.ask(LOGOUT) for _ in range(10)))
    assert await database.db.revocation_rules.count_documents({}) == 1
    assert len(served.services.authentication.accounts.gate.mirror.index) == 1
