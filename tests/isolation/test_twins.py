"""What is hidden is answered like what never was: the same words, for the same work."""

import json
import os
import re
from collections.abc import Iterable
from typing import Any, Final

import pytest
from graphql import GraphQLSchema

from permissions.access import Takings
from permissions.audit.events import Origin
from resolvers.ids import GlobalId, encode
from tests.database_calls import database_calls
from tests.isolation.arguments import listed, paths
from tests.isolation.asking import Asker, asker, pool
from tests.isolation.canaries import opened
from tests.isolation.documents import Operation, operation
from tests.isolation.tenants import World

WHO: Final = ("bob", "carl") if os.environ.get("WALKS", "0") == "0" else ("alice", "bob", "guest", "carl")
_FRESH: Final = re.compile(r"[0-9a-f]{32}|\d{4}-\d\d-\d\dT[^\"]+")
"""Ids of decisions, and moments."""


Log = list[tuple[str, str]]
"""What each answer waited for until it was written down; the log's own worker writes it."""


@pytest.fixture
def log(world: World, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Filled by each request."""
    audit, waited = world.served.services.audit, list[tuple[str, str]]()
    keep_all = audit.keep_all

    async def counted(answers: Iterable[tuple[Takings, Origin]]) -> None:
        known = list(answers)
        waited.extend(("denied", each.decision.action) for takings, _ in known for each in takings.denied)
        await keep_all(known)

    monkeypatch.setattr(audit, "keep_all", counted)
    return waited


def absent(one: Asker, id: str) -> str:
    """An id of the same kind, of something that was never there: in the same conversation, if he knows that."""
    kind, *parts = opened(id).split(":")
    known = len(parts) > 1 and not one.world.canaries.leaks(encode("Conversation", parts[0]), one.judge)
    if not known:
        return encode(kind, "f" * 24, *parts[1:])
    _, dot, number = parts[1].partition(".")
    return encode(kind, parts[0], f"{'0' * 16}{dot}{number}")


def twins(one: Asker) -> dict[str, str]:
    """Ids of what he may not know of, of each kind one that lies in what he knows, and one that does not."""
    found: dict[str, str] = {}
    for some in one.world.ids.values():
        hidden = {each: absent(one, each) for each in some if one.world.canaries.leaks(each, one.judge)}
        inside = [each for each, other in hidden.items() if "f" * 24 not in opened(other)]
        outside = [each for each in hidden if each not in inside]
        found |= {each: hidden[each] for each in (*inside[:1], *outside[:1])}
    return found


async def compared(
    one: Asker, log: Log, asked: Operation, where: str, ids: tuple[str, str], plain: dict[str, Any]
) -> tuple[str | None, bool]:
    """How the answers differ, if they do, and whether that argument takes ids of that kind."""
    answers = []
    for each in ids:
        variables = placed(plain, where, each)
        log.clear()
        with database_calls(own=True) as calls:
            answer = await one.ask(asked, variables)
        calls = [] if asked.name in SEARCHING else [*calls, *log]
        told = _FRESH.sub("fresh", json.dumps([answer.status, answer.body]).replace(each, "ID"))
        answers.append((told, sorted(calls)))
    if answers[0] == answers[1]:
        return None, UNFIT not in answers[0][0]
    kind = GlobalId.parse(ids[0]).kind
    told = f"{one.name} {asked.kind} {asked.name} {where} {kind}:\n  {answers[0]!s:.600}\n  {answers[1]!s:.600}"
    return told, True


def placed(plain: dict[str, Any], where: str, id: str) -> dict[str, Any]:
    """The arguments with that id at that path, which was left open for it."""
    return json.loads(json.dumps(plain).replace(OPEN, id)) if where else plain


SEARCHING: Final = frozenset({"searchMessages"})
"""Whose calls tell how much there is of a word, or an author, in the index that all share."""
OPEN: Final = "the id comes here"
UNFIT: Final = "is not the id of a"


KEPT: Final = frozenset({"audit_blocks", "deletions", "erasures", "leases", "signing_keys"})
"""What is written where somebody is refused, and beside all requests."""


async def contents(world: World) -> dict[str, list[Any]]:
    """All that is stored, but the log."""
    db = world.served.services.database.db
    names = sorted(set(await db.list_collection_names()) - KEPT)
    return {name: sorted(map(str, await db[name].find({}).to_list())) for name in names}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_what_is_hidden_looks_like_what_never_was(world: World, graph: GraphQLSchema, log: Log) -> None:
    stored = await contents(world)
    differing = [each for kind in ("query", "mutation") for each in await pairs(world, graph, log, kind)]
    assert not [each for each in differing if each]
    now = await contents(world)
    assert [name for name in now if now[name] != stored.get(name)] == []


async def pairs(world: World, graph: GraphQLSchema, log: Log, kind: str) -> list[str | None]:
    """How answers about what is hidden differ from those about nothing, from each root field, by each argument."""
    root = graph.query_type if kind == "query" else graph.mutation_type
    assert root is not None
    differing: list[str | None] = []
    unfit: set[tuple[str, str, str]] = set()
    for who in WHO:
        one = await asker(world, graph, who)
        await one.caller.ask("{ me { id } }")
        hidden = twins(one)
        nothing = {"any": [absent(one, each) for each in hidden.values()]}
        for name in root.fields:
            asked = operation(graph, kind, name, 0)
            for path in paths(asked.field.args, "ID"):
                where = ".".join(path)
                value = [OPEN] if listed(asked.field.args, path) else OPEN
                given = pool(world, f"{who} {name} {where}", 0)
                given.ids = nothing
                plain = given.arguments(asked.field.args, (), **{where: value})
                for ids in hidden.items():
                    place = (name, where, GlobalId.parse(ids[0]).kind)
                    if place in unfit:
                        continue  # refused for its kind, before anything is looked for: once is enough
                    differs, fit = await compared(one, log, asked, where, ids, plain)
                    differing.append(differs)
                    if not fit:
                        unfit.add(place)
        assert not one.leaks
        assert not one.faults
    return differing


@pytest.mark.parametrize(("who", "denied"), [("alice", 0), ("bob", 1), ("john", 1)])
async def test_who_may_bring_it_back_is_not_denied_what_he_deleted(
    world: World, graph: GraphQLSchema, log: Log, who: str, denied: int
) -> None:
    """He is told of it in the trash. To whoever is not it is as if it had never been, in the log, too."""
    one = await asker(world, graph, who)
    await one.caller.ask("{ me { id } }")
    log.clear()
    answer = await one.caller.ask(
        "query ($id: ID!) { conversation(id: $id) { id } }", id=world.chat_id("alice deleted")
    )
    assert answer.data == {"conversation": None}
    assert log == [("denied", "conversation:read")] * denied
