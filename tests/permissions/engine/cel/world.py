"""What the tests' conditions are about: a caller, a page, a request; and the schema of them."""

from datetime import UTC, datetime
from typing import Final

from bson import ObjectId

from permissions.engine.facts import Env, Facts, Resource, Subject
from permissions.engine.filters import Fields
from permissions.engine.resource_type import resource_type
from permissions.engine.schema import types
from tests.permissions.worlds import NOON

ME: Final = ObjectId("0" * 24)
USER: Final = types({"region": "string", "clearance": "number", "teams": "list<string>", "hired": "timestamp"})
PAGE: Final = resource_type(
    "page",
    ["read"],
    attributes={
        "id": "id",
        "owner_id": "id",
        "region": "string",
        "title": "string",
        "level": "number",
        "public": "bool",
        "tags": "list<string>",
        "made": "timestamp",
    },
    context={"reason": "string"},
    fields=Fields(),
)
REPORT: Final = resource_type("report", ["read"], attributes={"level": "number", "limit": "number", "region": "string"})

FACTS: Final = Facts(
    Subject(
        "me",
        attributes={
            "region": "EMEA",
            "clearance": 2,
            "teams": ["red", "blue"],
            "hired": datetime(2025, 3, 2, tzinfo=UTC),
            "text": "7",
            "half": 0.5,
            "nil": None,
            "many": ["x"] * 201,
            "huge": 2**63 - 1,
            "net": "192.168.0.0/16",
        },
    ),
    ("analyst", "guest"),
    Resource(
        "page",
        None,
        {
            "region": "EMEA",
            "title": "Größe 😀",
            "level": 2,
            "public": True,
            "owner_id": ME,
            "tags": ["red", "x"],
            "made": datetime(2026, 3, 1, 22, 30, tzinfo=UTC),
            "mixed": ["red", 1, None],
            "empty": [],
            "many": ["x"] * 201,
            "deep": [["a"], ["b", "c"]],
        },
    ),
    Env(NOON, {"ip": "10.1.2.3", "six": "2001:db8::1", "mapped": "::ffff:10.1.2.3", "session_age": 90, "device": "d1"}),
)
