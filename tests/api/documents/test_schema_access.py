"""Who may read the schema, and to whom errors say what may have been meant."""

from dataclasses import replace
from typing import Any, Final

import httpx
import pytest

from api.documents.limits import DEFAULT_LIMITS, Introspection
from api.documents.validation import SUGGESTED
from api.schema import build_schema
from tests.api.documents.test_limits import serving
from tests.served import Served

QUERY: Final = "{ __schema { queryType { name } } }"
HIDDEN: Final = 'query { me { id } ...f } fragment f on Query { x: __type(name: "User") { name } }'
MEANT: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("{ me { displayNam } }", {}),
    ("{ nodee(id: 1) { id } }", {}),
    ("{ conversations(fist: 1) { __typename } }", {}),
    ("query ($v: Conversatio) { __typename }", {}),
    ("{ conversations(orderBy: UPDATED_DES) { __typename } }", {}),
    ("query ($v: ConversationOrder) { conversations(orderBy: $v) { __typename } }", {"v": "UPDATED_DES"}),
    ("query ($v: ConversationFilter) { conversations(filter: $v) { __typename } }", {"v": {"ownerI": "x"}}),
    ("{ conversations { edges { node { messages { edges { content } } } } } }", {}),
)


@pytest.mark.parametrize("query", [QUERY, HIDDEN])
async def test_the_schema_is_for_whom_it_is_permitted(served: Served, query: str) -> None:
    for name, allowed in (("root", True), ("admin", True), ("alice", False), ("guest", False)):
        answer = await (await served.as_(name)).ask(query)
        assert answer.codes == ([] if allowed else ["FORBIDDEN"])
        if not allowed:
            assert answer.body.get("data") is None
            assert answer.body["errors"][0]["extensions"]["decisionId"]
    assert (await served.nobody.ask(query)).codes == ["UNAUTHENTICATED"]
    assert (await served.nobody.ask("{ __typename me { __typename } }")).data == {"__typename": "Query", "me": None}


@pytest.mark.parametrize(("query", "variables"), MEANT)
async def test_nothing_is_suggested_to_who_may_not_read_it(
    served: Served, query: str, variables: dict[str, object]
) -> None:
    for caller in (served.nobody, await served.as_("alice")):
        answer = await caller.ask(query, **variables)
        assert answer.codes[0] == "BAD_USER_INPUT"
        assert "mean" not in str(answer.body).lower()
    assert "Did you mean" in str((await (await served.as_("admin")).ask(MEANT[0][0])).body)


async def test_few_errors_say_what_was_meant_and_many_do_not(served: Served) -> None:
    admin = await served.as_("admin")
    for count, said in ((1, True), (SUGGESTED, True), (SUGGESTED + 1, False)):
        answer = await admin.ask("{ me { " + " ".join(f"a{n}: displayNam" for n in range(count)) + " } }")
        assert len(answer.body["errors"]) == count
        assert ("Did you mean" in str(answer.body)) is said


@pytest.mark.parametrize(
    ("who", "nobody", "alice"), [("everyone", True, True), ("signed_in", False, True), ("permitted", False, False)]
)
async def test_others_may_be_let_read_it(served: Served, who: Introspection, nobody: bool, alice: bool) -> None:
    app = serving(served, build_schema(replace(DEFAULT_LIMITS, introspection=who)))
    token = (await served.as_("alice")).token
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://parley.test") as http:
        for headers, allowed in (({}, nobody), ({"Authorization": f"Bearer {token}"}, alice)):
            answer = (await http.post("/graphql", json={"query": QUERY}, headers=headers)).json()
            assert ("errors" not in answer) is allowed
            guess = (await http.post("/graphql", json={"query": MEANT[0][0]}, headers=headers)).json()
            assert ("Did you mean" in str(guess)) is allowed
