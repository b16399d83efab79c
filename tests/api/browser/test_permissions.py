"""An administrator asks GraphiQL about John: `permissions.mjs` types and clicks, the tests judge what it saw."""

from datetime import datetime
from typing import Any

import pytest

from tests.api.browser.conftest import Walk

SECONDS = "3"
"""For so long John holds the role that he is lent."""

ANALYST, GUEST, VIEWER = ["analyst"], ["guest"], ["report_viewer"]
TABLE: dict[str, dict[str, tuple[str, list[list[str]]]]] = {
    "DENY_OVERRIDES": {
        "sales_data:read": ("DENY", [VIEWER]),
        "sales_data:write": ("DENY", [VIEWER]),
        "report:create": ("DENY", [GUEST]),
        "report:read": ("DENY", [GUEST]),
    },
    "MOST_PERMISSIVE": {
        "sales_data:read": ("ALLOW", [ANALYST, GUEST]),
        "sales_data:write": ("ALLOW", [ANALYST]),
        "report:create": ("ALLOW", [ANALYST]),
        "report:read": ("ALLOW", [VIEWER]),
    },
    "MOST_RESTRICTIVE": {
        "sales_data:read": ("DENY", [VIEWER]),
        "sales_data:write": ("DENY", [VIEWER]),
        "report:create": ("DENY", [GUEST]),
        "report:read": ("DENY", [GUEST]),
    },
    "PRIORITY": {
        "sales_data:read": ("ALLOW", [ANALYST]),
        "sales_data:write": ("ALLOW", [ANALYST]),
        "report:create": ("ALLOW", [ANALYST]),
        "report:read": ("DENY", [GUEST]),
    },
}
"""What John may do, and by which paths that came: the README's table."""


@pytest.fixture(scope="module")
def seen(walk: Walk) -> dict[str, Any]:
    found = walk("permissions.mjs", SECONDS)
    assert found["problems"] == []
    return found


@pytest.mark.parametrize("strategy", TABLE)
def test_what_john_may_do_is_told_under_each_strategy_with_paths(seen: dict[str, Any], strategy: str) -> None:
    told = {each["action"]: (each["effect"], each["via"]) for each in seen["effective"][strategy]}
    assert told == TABLE[strategy]


def test_paths_of_the_rules_that_lost_are_told_too(seen: dict[str, Any]) -> None:
    (write,) = (each for each in seen["effective"]["DENY_OVERRIDES"] if each["action"] == "sales_data:write")
    assert {each["rule"]: [path["steps"] for path in each["paths"]] for each in write["rules"]} == {
        "role report_viewer: deny sales_data:*": [VIEWER],
        "role analyst: allow sales_data:read_write": [ANALYST],
    }


def test_johns_denied_write_is_explained_with_the_smallest_change(seen: dict[str, Any]) -> None:
    told = seen["explained"]["data"]["explainDecision"]
    assert told["decision"] == {"allowed": False, "decidedBy": ["role report_viewer: deny sales_data:*"]}
    assert told["words"] == [
        "`sales_data:write` on sales_data is denied: by role report_viewer: deny sales_data:*.",
        "Roles held: analyst, guest, report_viewer.",
        "Conflicts end by deny_overrides: one denial outweighs every permit.",
        "role analyst: allow sales_data:read_write, by analyst: matched.",
        "role report_viewer: deny sales_data:*, by report_viewer: matched, and decided.",
    ]
    assert [(each["rule"], each["outcome"], each["decided"]) for each in told["trace"]] == [
        ("role analyst: allow sales_data:read_write", "MATCHED", False),
        ("role report_viewer: deny sales_data:*", "MATCHED", True),
    ]
    (remedy,) = told["remedies"]
    assert (remedy["kind"], remedy["description"]) == ("END_ROLE", "end the assignment of role `report_viewer`")


def test_who_has_access_is_told_with_paths(seen: dict[str, Any]) -> None:
    edges = seen["holders"]["data"]["whoHasAccess"]["edges"]
    via = {edge["node"]["user"]["displayName"]: edge["node"]["via"] for edge in edges}
    assert set(via) == {"Ada Admin", "Alice", "Bob", "Root", "Sara"}
    assert via["Sara"] == [["senior_analyst", "analyst"]]
    assert via["Ada Admin"] == [["admin"], ["admin", "senior_analyst", "analyst"]]


def test_a_role_that_is_lent_counts_at_once_and_ends_by_itself(seen: dict[str, Any]) -> None:
    lent = seen["lent"]
    assert lent["assigned"]["data"]["assignRole"]["assignment"]["role"] == {"name": "admin"}
    assert [(lent[when]["told"]["allowed"], lent[when]["may"]) for when in ("before", "atOnce", "after")] == [
        (False, False),
        (True, True),
        (False, False),
    ]
    assert lent["atOnce"]["told"]["reason"] == "allowed by role admin: allow user:*"


def test_it_ends_to_the_millisecond(seen: dict[str, Any]) -> None:
    end = datetime.fromisoformat(seen["lent"]["validUntil"])
    answers = [seen["lent"]["atOnce"]["told"], *seen["lent"]["answers"]]
    assert {each["allowed"] for each in answers} == {True, False}
    assert [each["allowed"] for each in answers] == [datetime.fromisoformat(each["at"]) < end for each in answers]


@pytest.mark.parametrize(
    ("field", "needs"),
    [
        ("whoHasAccess", "Needs permission:read."),
        ("auditEvents", "Needs audit:read."),
        ("explainDecision", "About somebody else: needs permission:read. Needs a signed-in caller."),
    ],
)
def test_the_docs_tell_what_a_field_needs(seen: dict[str, Any], field: str, needs: str) -> None:
    assert needs in seen["docs"][field]
