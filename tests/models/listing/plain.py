"""Lists by hand: conversations as nasty as they come, and what a plain look at each of them says of a list."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from beanie import PydanticObjectId
from beanie.odm.utils.dump import get_dict

from models.conversation import Conversation
from models.conversation_list import (
    Attribute,
    ConversationFilter,
    ConversationOrder,
    ListRequest,
    Place,
    Scope,
    list_conversations,
    place,
)
from models.database import Database
from models.list_terms import stored_terms
from models.listing.starts import FRESH_SECONDS, KEPT_SECONDS, Starts

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
OWNERS: Final = [PydanticObjectId(f"{n:024x}") for n in range(1, 4)]
TAGS: Final = ("a", "b", "$a", "a.b", "é", "rare")
VALUES: Final[Sequence[Any]] = (
    "EMEA",
    "1",
    "true",
    "$ne",
    1,
    1.0,
    2**53 + 1,
    0.5,
    True,
    False,
    ["EMEA", 1],
    ["$ne"],
    None,
)
SCALARS: Final[Sequence[Any]] = ("EMEA", "1", "true", "$ne", 1, 2**53 + 1, 0.5, True, False)
TITLES: Final = (
    None,
    "",
    "Quarterly sales",
    "Straße nach Süden",
    "STRASSE",
    "a.*b",
    "$where",
    "日本語の会話",
    "sales sales",
)
WANTED_TITLES: Final = (
    "sales",
    "strasse",
    "STRASSE",
    "a",
    ".*",
    "$wh",
    "日本",
    "日本語",
    "quarterly sales",
    "nowhere",
    "",
)
GRANTEES: Final = ("user:1", "role:a", "role:b")


@dataclass(frozen=True)
class Reach:
    """A scope, and the same for Python."""

    scope: Scope
    holds: Callable[[Conversation], bool]


def reaches(ids: Sequence[PydanticObjectId]) -> dict[str, Reach]:
    """Every shape that permissions give."""
    owner, other = OWNERS[:2]
    equal = {"owner_id": {"$eq": owner}}
    region = {"attributes.region": {"$eq": "EMEA"}, "attributes.a": {"$ne": 1}}
    return {
        "everything": Reach(Scope({}, {}), lambda _: True),
        "owner": Reach(Scope({"owner_id": owner}, equal), lambda each: each.owner_id == owner),
        "another": Reach(Scope({"owner_id": other}, {"owner_id": other}), lambda each: each.owner_id == other),
        "region": Reach(
            Scope({"attributes.region": "EMEA"}, region),
            lambda each: is_equal(each.attributes, "region", "EMEA") and not is_equal(each.attributes, "a", 1),
        ),
        "user": _shared("user:1"),
        "role": _shared("role:a"),
        "ids": Reach(Scope({}, {"$and": [{"_id": {"$in": list(ids)}}]}), lambda each: each.id in ids),
    }


def _shared(grantee: str) -> Reach:
    scope = Scope({"grantees": grantee}, {"grantees": {"$eq": grantee}})
    return Reach(scope, lambda each: grantee in each.grantees)


def is_equal(attributes: Mapping[str, Any], name: str, value: Any) -> bool:
    """As `$eq`: a list also where it holds the value; true is not 1."""
    there = attributes.get(name)
    return any(
        each == value and isinstance(each, bool) == isinstance(value, bool)
        for each in (there if isinstance(there, list) else [there])
    )


def passes(each: Conversation, wanted: ConversationFilter) -> bool:
    """Whether it is what is looked for."""
    return (
        (wanted.owner_id is None or each.owner_id == wanted.owner_id)
        and (wanted.tags_all is None or set(wanted.tags_all) <= set(each.tags))
        and (wanted.tags_any is None or bool(set(wanted.tags_any) & set(each.tags)))
        and (wanted.started_after is None or each.started_at > wanted.started_after)
        and (wanted.started_before is None or each.started_at < wanted.started_before)
        and (wanted.archived is None or each.archived == wanted.archived)
        and all(is_equal(each.attributes, name, value) for name, value in wanted.attributes)
        and (wanted.title_contains or "").casefold() in (each.title or "").casefold()
    )


def conversation(chance: random.Random) -> Conversation:
    """With much that others have too: instants, tags, pieces of titles."""
    title = chance.choice(TITLES)
    moments = [NOON + timedelta(milliseconds=chance.choice((0, 0, 1, 2, chance.randrange(10_000)))) for _ in range(2)]
    return Conversation(
        id=PydanticObjectId(chance.randbytes(12)),
        owner_id=chance.choice([*OWNERS, OWNERS[0]]),
        title=title,
        title_key=title and title.casefold(),
        tags=[tag for tag in TAGS if chance.random() < (0.02 if tag == "rare" else 0.3)],
        attributes={name: chance.choice(VALUES) for name in ("region", "a", "b") if chance.random() < 0.7},
        archived=chance.random() < 0.2,
        deleted=chance.random() < 0.1,
        grantees=[each for each in GRANTEES if chance.random() < 0.2],
        started_at=min(moments),
        updated_at=max(moments),
        slot_width=50,
    )


async def stored(database: Database, chance: random.Random, number: int) -> list[Conversation]:
    """So many, in the database."""
    stock = [conversation(chance) for _ in range(number)]
    records = [get_dict(each, to_db=True) for each in stock]
    await database.db.conversations.insert_many([record | stored_terms(record["_id"], record) for record in records])
    return stock


class Clock:
    """Seconds, by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def goes_on(self, chance: random.Random) -> None:
        """For a moment, until nothing is fresh any more, or until nothing is kept."""
        self.now += chance.choice((0, 1, FRESH_SECONDS, KEPT_SECONDS))


def any_filter(chance: random.Random) -> ConversationFilter:
    """Of every kind, some of which find nothing."""

    def maybe(value: Any) -> Any:
        return value if chance.random() < 0.25 else None

    return ConversationFilter(
        owner_id=maybe(chance.choice(OWNERS)),
        tags_all=maybe(chance.sample(TAGS, chance.randrange(3))),
        tags_any=maybe(chance.sample(TAGS, chance.randrange(4))),
        started_after=maybe(NOON + timedelta(milliseconds=chance.choice((-1, 0, 1, 5_000)))),
        started_before=maybe(NOON + timedelta(milliseconds=chance.choice((0, 1, 2, 6_000)))),
        archived=maybe(chance.random() < 0.5),
        title_contains=maybe(chance.choice(WANTED_TITLES)),
        attributes=[
            Attribute(chance.choice(("region", "a", "missing")), chance.choice(SCALARS))
            for _ in range(chance.choice((0, 0, 0, 1, 2)))
        ],
    )


def listed(
    stock: Sequence[Conversation], reach: Sequence[Reach], wanted: ConversationFilter, order: ConversationOrder
) -> list[PydanticObjectId]:
    """The whole list."""
    found = [
        each
        for each in stock
        if not each.deleted and passes(each, wanted) and any(each_reach.holds(each) for each_reach in reach)
    ]
    return [each.id for each in sorted(found, key=lambda each: place(each, order), reverse=order.descending)]


async def paged(
    database: Database,
    reach: Sequence[Reach],
    wanted: ConversationFilter,
    order: ConversationOrder,
    size: int,
    *,
    backwards: bool = False,
    starts: Starts | None = None,
) -> list[PydanticObjectId]:
    """The whole list, page by page, each of which is short only where it says so."""
    found: list[PydanticObjectId] = []
    edge: Place | None = None
    more = True
    while more:
        request = ListRequest(order, size, None if backwards else edge, edge if backwards else None, backwards)
        page = await list_conversations(database.db, [each.scope for each in reach], wanted, request, starts)
        shown = [each.id for each in page.conversations]
        assert len(shown) == size or (len(shown) < size and (page.reached or not page.more))
        found = shown + found if backwards else found + shown
        more = page.more
        if more:
            went = page.reached or place(page.conversations[0 if backwards else -1], order)
            assert went != edge
            edge = went
    return found
