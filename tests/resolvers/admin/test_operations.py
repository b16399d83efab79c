"""`registerOperations`, `removeOperations`, `trustedOperations`: who may, what is refused, what is written down."""

import json
from typing import Any

import pytest

from models.trusted_document import TrustedDocument
from permissions.operations.manifest import digest
from tests.resolvers.admin.test_audit import stored
from tests.served import Served

REGISTER = "mutation ($input: RegisterOperationsInput!) { registerOperations(input: $input) { registered known } }"
REMOVE = "mutation ($input: RemoveOperationsInput!) { removeOperations(input: $input) { removed } }"
LIST = """query ($after: String) { trustedOperations(first: 1, after: $after) { pageInfo { hasNextPage endCursor }
  edges { node { documentId sha256 text name client flaw registeredBy { displayName } } } } }"""
ME, DEEP = "query Me { me { id } }", "{ " + "me { roleAssignments { user { " * 8 + "id" + " } } }" * 8 + " }"


@pytest.mark.parametrize("name", ["alice", "admin", None])
async def test_who_may_not_is_refused(served: Served, name: str | None) -> None:
    caller = await served.as_(name) if name else served.nobody
    code = "FORBIDDEN" if name else "UNAUTHENTICATED"
    assert (await caller.ask(REGISTER, input={"manifest": json.dumps({"Me": ME})})).codes == [code]
    assert (await caller.ask(REMOVE, input={"documentIds": ["Me"]})).codes == [code]
    assert (await caller.ask(LIST)).codes == [code]
    assert await TrustedDocument.find_all().to_list() == []


async def test_what_is_registered_is_judged_listed_and_written_down(served: Served) -> None:
    root = await served.as_("root")
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"Me": ME, "Bad": "{ nothing }"}, "1 of 2 documents are not sound; `Bad`: Cannot query field"),
        ({"Deep": DEEP}, "fields may be nested so deep"),
        ({"Me": 5}, "without an id or a text"),
    ]
    for bad, said in refusals:
        refused = await root.ask(REGISTER, input={"manifest": json.dumps(bad)})
        assert refused.codes == ["BAD_USER_INPUT"]
        assert said in refused.body["errors"][0]["message"]
    manifest = json.dumps({"Me": ME, "You": "query You { me { email } }"})
    for expected in ({"registered": 2, "known": 0}, {"registered": 0, "known": 2}):
        done = await root.ask(REGISTER, input={"manifest": manifest, "client": "web"})
        assert done.data["registerOperations"] == expected
    other = await root.ask(REGISTER, input={"manifest": json.dumps({"Me": "{ me { email } }"})})
    assert other.codes == ["CONFLICT"]
    page = (await root.ask(LIST)).data["trustedOperations"]
    assert page["pageInfo"] == {"hasNextPage": True, "endCursor": "Me"}
    shown = {"documentId": "Me", "sha256": digest(ME), "text": ME, "name": "Me", "client": "web", "flaw": None}
    assert page["edges"] == [{"node": {**shown, "registeredBy": {"displayName": "Root"}}}]
    past = (await root.ask(LIST, after="You")).data["trustedOperations"]
    assert past == {"pageInfo": {"hasNextPage": False, "endCursor": None}, "edges": []}
    await TrustedDocument.get_pymongo_collection().update_one({"_id": "Me"}, {"$set": {"text": "{ nothing }"}})
    (edge,) = (await root.ask(LIST)).data["trustedOperations"]["edges"]
    assert "Cannot query field 'nothing'" in edge["node"]["flaw"]
    assert (await root.ask(REMOVE, input={"documentIds": ["Me", "x" * 10_000]})).data["removeOperations"] == {
        "removed": 1
    }
    assert (await root.ask(REMOVE, input={"documentIds": ["a"] * 2_001})).codes == ["BAD_USER_INPUT"]
    records = [each for each in await stored(served) if each["kind"].startswith("operations.")]
    assert [(each["kind"], each["by"], each.get("after") or each["before"]) for each in records] == [
        ("operations.registered", str(served.people["root"].id), '{"client":"web","ids":["Me","You"]}'),
        ("operations.removed", str(served.people["root"].id), '{"ids":["Me"]}'),
    ]
