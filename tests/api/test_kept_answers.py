"""What is told again is what would be told anew, to whom it may be told, counted and logged as if it were made anew."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final

import httpx
import pytest
from beanie import PydanticObjectId
from graphql import OperationDefinitionNode, parse

from api.documents.limits import CostBudgets
from api.graphql_answer import answered
from api.graphql_request import Asked
from api.kept_answers import constant, keep
from api.logs import REQUESTS
from api.persisted import PersistedSettings
from api.persisted.errors import UNTRUSTED
from api.prepared import ANSWER_BYTES, ANSWERS, Prepared, named
from api.rates.rates import Rates, Verdict
from permissions.authn.tokens import AccessToken
from permissions.changes import SYSTEM
from resolvers.account.types import asks_who
from resolvers.ids import encode
from tests.api.rates.test_served import LIMITS, OVER, from_address, limit, used_up
from tests.api.test_cut_elsewhere import account_disabled, key_revoked, session_ended, token_revoked
from tests.api.test_front import _told, ways
from tests.served import Caller, Served, schema

__all__ = ["ways"]

CONSTANT: Final = (
    "{ me { id } }",
    "{ __typename }",
    "query Who { one: me { id } two: me { kind: __typename name: id } kind: __typename }",
)
OTHERS: Final = (
    "{ me { id displayName } }",
    "{ me { id } users(first: 1) { edges { cursor } } }",
    "{ me { id @skip(if: false) } }",
    "{ me @include(if: true) { id } }",
    "{ me { ... on User { id } } }",
    "{ ...Me } fragment Me on Query { me { id } }",
    "query @a { me { id } }",
    "query ($a: Int) { me { id } }",
    "mutation { logout { ended } }",
    "subscription { me { id } }",
    "{ __schema { queryType { name } } }",
    "query A { me { id } } query B { __typename }",
)
ME: Final = CONSTANT[0]


def _operation(text: str) -> Prepared:
    document = parse(text)
    return Prepared(schema(), text, document, named(document, None))


@pytest.mark.parametrize("text", CONSTANT)
def test_what_asks_for_the_caller_alone_is_answered_alike(text: str) -> None:
    assert _operation(text).constant


@pytest.mark.parametrize("text", OTHERS)
def test_nothing_else_is(text: str) -> None:
    assert not _operation(text).constant


def test_no_more_answers_are_kept_than_some_and_they_weigh_something() -> None:
    operation = _operation(ME)
    bare = operation.weight
    operation.keep("long", b"x" * (ANSWER_BYTES + 1))
    assert operation.weight == bare
    for number in range(ANSWERS + 5):
        operation.keep(str(number), b"x")
        assert bare < operation.weight
        assert len(operation.answers) <= ANSWERS
    other = _operation(OTHERS[0])
    other.keep("a", b"x")
    assert not other.answers


Anew = list[Asked]
"""What was not answered by what is kept."""


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> Anew:
    noted: Anew = []

    async def note(schema: Any, question: Asked, context: Any, media_type: str, *, safe: bool) -> Any:
        noted.append(question)
        return await answered(schema, question, context, media_type, safe=safe)

    monkeypatch.setattr("api.front.answered", note)
    return noted


async def _asked(caller: Caller, anew: Anew, text: str = ME) -> None:
    """So often that the next answers are kept ones: with the sixteenth a worker takes what sixteen cost.

    That is given back after a while, which passes on a busy machine: then it takes as many again.
    """
    assert caller.user
    kept = 0
    for _ in range(1_000):
        anew.clear()
        data = (await caller.ask(text)).data
        assert {each["id"] for each in data.values()} == {encode("User", caller.user.id)}
        kept = 0 if anew else kept + 1
        if kept == 3:
            return
    raise AssertionError("none was told again")


@pytest.mark.parametrize("text", CONSTANT)
async def test_a_kept_answer_is_what_the_layers_answer(
    served: Served,
    ways: tuple[httpx.AsyncClient, httpx.AsyncClient],
    monkeypatch: pytest.MonkeyPatch,
    anew: Anew,
    text: str,
) -> None:
    lines: list[Any] = []
    monkeypatch.setattr(REQUESTS, "write", lambda *line: lines.append(line))
    short, long = ways
    alice, bob = await served.as_("alice"), await served.as_("bob")
    for accept in ("application/json", "application/graphql-response+json"):
        for caller in (alice, bob, alice):
            headers = {
                "authorization": f"Bearer {caller.token}",
                "accept": accept,
                "content-type": "application/json",
                "x-request-id": "one",
            }
            body = b'{"query": "%b", "variables": {}}' % text.encode()
            expected = await _told(long, headers, body)
            for _ in range(10):
                assert await _told(short, headers, body) == expected
    assert {(*line[:4], line[5]) for line in lines} == {("http", "POST", "/graphql", 200, "one")}
    assert len(lines) == 11 * 2 * 3
    assert 0 < len(anew) < 20  # those for which Redis was asked, too, what may be spent


async def test_who_is_nobody_is_told_anew(served: Served, anew: Anew) -> None:
    await _asked(await served.as_("alice"), anew)
    assert (await served.nobody.ask(ME)).data == {"me": None}
    assert (await Caller(served.http, token="nonsense").ask(ME)).codes == ["UNAUTHENTICATED"]


End = Callable[[Served, AccessToken], Awaitable[object]]


@pytest.mark.parametrize("end", [session_ended, account_disabled, token_revoked, key_revoked])
async def test_who_may_not_ask_any_more_is_told_why_at_once(served: Served, anew: Anew, end: End) -> None:
    alice = await served.as_("alice")
    await _asked(alice, anew)
    token = await served.services.authentication.authenticator.authenticate(f"Bearer {alice.token}")
    assert token is not None
    await end(served, token)
    for _ in range(2):
        assert (await alice.ask(ME)).codes == ["TOKEN_REVOKED"]


async def test_a_token_ends_when_it_says(served: Served, anew: Anew, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = await served.as_("alice")
    await _asked(alice, anew)
    token = await served.services.authentication.authenticator.authenticate(f"Bearer {alice.token}")
    assert token is not None
    monkeypatch.setattr("permissions.authn.tokens.time.time", lambda: token.expires_at)
    assert (await alice.ask(ME)).codes == ["TOKEN_EXPIRED"]


async def test_nobody_is_told_anything_while_it_is_unknown_what_was_revoked(served: Served, anew: Anew) -> None:
    alice = await served.as_("alice")
    await _asked(alice, anew)
    mirror = served.services.authentication.authenticator.gate.mirror
    heard, mirror._clock = mirror._clock, lambda: heard() + 60  # type: ignore[misc]
    answer = await alice.ask(ME)
    mirror._clock = heard  # type: ignore[misc]
    assert (answer.status, answer.codes) == (503, ["UNAVAILABLE"])
    await _asked(alice, anew)


async def test_it_is_asked_whether_the_account_is_still_there(served: Served, anew: Anew) -> None:
    alice = await served.as_("alice")
    assert alice.user
    await _asked(alice, anew)
    await served.services.database.db.users.delete_one({"_id": alice.user.id})
    served.services.permissions._subjects.clear()
    for _ in range(3):
        assert (await alice.ask(ME)).data == {"me": None}


async def test_what_is_told_again_is_counted_again(served: Served, anew: Anew) -> None:
    alice = await served.as_("alice")
    await _asked(alice, anew)
    limit(served)
    anew.clear()
    left = [(await alice.ask(ME)).headers["ratelimit-remaining"] for _ in range(20)]
    assert left == [str(1_000 - 50 * (number + 1)) for number in range(20)]
    assert len(anew) < 20
    assert (await alice.ask(ME)).codes == OVER
    assert await used_up(await served.as_("alice")) == 0
    async with from_address(served, "192.0.2.1") as http:  # the account's, wherever he is
        assert await used_up(Caller(http, alice.user, alice.token)) == 0


async def test_all_of_an_address_are_counted_together(served: Served, anew: Anew) -> None:
    admin, alice = await served.as_("admin"), await served.as_("alice")
    await _asked(admin, anew)
    await _asked(alice, anew)
    limit(served, replace(LIMITS, budgets_address=1))
    assert await used_up(admin) + await used_up(alice) == 20


async def test_who_is_known_to_have_used_up_what_he_may_is_told_so(
    served: Served, anew: Anew, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await served.as_("alice")
    await _asked(alice, anew)
    monkeypatch.setattr(Rates, "known", lambda *_: Verdict(1_000, 0, 7, 7))
    assert (await alice.ask(ME)).codes == OVER


async def test_what_somebody_may_do_goes_by_the_roles_that_he_has_now(served: Served, anew: Anew) -> None:
    limit(served, replace(LIMITS, budgets=100, budgets_address=1_000))
    admin = await served.as_("admin")
    await _asked(admin, anew)
    assert (await admin.ask(ME)).headers["ratelimit-limit"] == "200000"
    assert admin.user
    permissions = served.services.permissions
    roles = await served.services.database.db.role_assignments.find({"user_id": admin.user.id}).to_list()
    for role in roles:
        await served.services.changes.end_assignment(role["_id"], SYSTEM)
    permissions.forget()
    assert (await admin.ask(ME)).headers["ratelimit-limit"] == "100000"
    assert (await admin.ask(ME)).headers["ratelimit-limit"] == "100000"


async def test_what_costs_too_much_is_refused_though_it_was_answered(
    served: Served, anew: Anew, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await served.as_("alice")
    dear = "{ " + " ".join(f"a{number}: me {{ id }}" for number in range(4)) + " }"
    await _asked(alice, anew, dear)
    monkeypatch.setattr(schema(), "limits", replace(schema().limits, costs=CostBudgets(2)))
    assert (await alice.ask(dear)).codes == ["QUERY_TOO_COMPLEX"]


async def test_where_only_trusted_operations_are_run_nothing_is_told_again(
    served: Served, anew: Anew, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await served.as_("alice")
    await _asked(alice, anew)
    monkeypatch.setattr(served.services.operations, "_settings", PersistedSettings(only_trusted=True))
    assert (await alice.ask(ME)).codes == [UNTRUSTED.error().extensions["code"]]  # type: ignore[index]


async def test_only_what_is_known_and_constant_is_told_again(served: Served, anew: Anew) -> None:
    alice = await served.as_("alice")
    await _asked(alice, anew)
    for _ in range(3):
        await alice.ask(OTHERS[0])

    def found(text: str | None, **others: Any) -> Prepared | None:
        asked = {"variables": None, "operation_name": None, "extensions": None, "protocol": "http", **others}
        return constant(schema(), Asked(text, **asked), served.services)

    assert found(ME) is not None
    assert found(ME, variables={"a": 1}) is None
    assert found(ME, extensions={"cost": True}) is None
    assert found(ME, document_id="a") is None
    assert found(ME, operation_name="a") is None
    assert found(OTHERS[0]) is None
    assert found("{ unknown: __typename }") is None
    assert found(None) is None


def test_only_what_was_answered_without_errors_to_an_account_that_is_there_is_kept() -> None:
    operation, ann, other = _operation(ME), PydanticObjectId(), PydanticObjectId()

    def offered(subject: object, principal: object, answer: bytes) -> bool:
        operation.answers.clear()
        subject = subject and SimpleNamespace(id=subject)
        principal = principal and SimpleNamespace(user_id=principal)
        context: Any = SimpleNamespace(principal=principal, access=SimpleNamespace(subject=subject))
        keep(operation, context, answer)
        return bool(operation.answers)

    good = b'{"data":{"me":{"id":"x"}}}'
    assert offered(ann, ann, good)
    assert not offered(None, ann, good)
    assert not offered(ann, None, good)
    assert not offered(other, ann, good)
    assert not offered(ann, ann, b'{"data":{"me":null},"errors":[{"message":"x"}]}')
    assert not offered(ann, ann, b'{"errors":[{"message":"x"}]}')


def test_a_selection_that_is_none_of_a_field_is_not_of_the_caller_alone() -> None:
    for text in OTHERS[:8]:
        (first, *_) = parse(text).definitions
        assert isinstance(first, OperationDefinitionNode)
        assert not asks_who(first)
