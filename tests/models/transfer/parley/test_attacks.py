"""Files that were made to hurt, or were hurt: what is wrong is named by its line, and the rest goes on."""

import hashlib
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from models.conversation import Conversation
from models.database import Database
from models.transfer.errors import UnreadableFileError
from models.transfer.importing import conversation_id
from models.transfer.parley.importing import import_parley
from models.transfer.parley.reading import Line as ReadLine
from models.transfer.parley.reading import LineError, parsed
from models.tree import MAIN, MessageTree
from tests.models.transfer.parley.trees import SMALL, imported, person, seen
from tests.models.tree.wellformed import check_well_formed

TIME: Final = "2026-01-01T00:00:00.000Z"
FIRST: Final = {"type": "export", "format": "parley", "version": 1, "of": "all", "at": TIME}
Line = dict[str, Any] | bytes


def said(content: str = "x", **fields: Any) -> Line:
    return {"type": "message", "role": "user", "content": content, "createdAt": TIME, "author": "owner", **fields}


def branch(id: str = MAIN, after: str | None = None, sibling: int = 0, **fields: Any) -> Line:
    return {"type": "branch", "id": id, "after": after, "sibling": sibling, "createdAt": TIME, **fields}


def packed(line: Line) -> bytes:
    return line if isinstance(line, bytes) else orjson.dumps(line) + b"\n"


def talk(*lines: Line, id: str = "one", end: dict[str, Any] | None = None, **fields: Any) -> bytes:
    """A conversation with a right end, unless `end` says otherwise."""
    head: Line = {"type": "conversation", "id": id, "startedAt": TIME, **fields}
    data = b"".join(map(packed, (head, *lines)))
    kinds = [each.get("type") for each in lines if isinstance(each, dict)]
    counts = {"branches": kinds.count("branch"), "messages": kinds.count("message")}
    ended = {"type": "end", "id": id, **counts, "sha256": hashlib.sha256(data).hexdigest(), **(end or {})}
    return data + packed(ended)


GOOD: Final = talk(branch(), said("good"), id="good")
DONE: Final = packed({"type": "done", "conversations": 1, "messages": 1})
A, B = "a" * 16, "b" * 16

REFUSED: Final[dict[str, tuple[bytes, str]]] = {
    "wrong count": (talk(branch(), said(), end={"messages": 2}), "counts other branches and messages than the 1 and 1"),
    "wrong checksum": (talk(branch(), said(), end={"sha256": "0" * 64}), "has the checksum of another text"),
    "a line is missing": (
        talk(branch(), said(), said()).replace(packed(said()), b"", 1),
        "counts other branches and messages than the 1 and 1",
    ),
    "cut short": (talk(branch(), said())[:-2].rpartition(b"\n")[0] + b"\n", "has no end"),
    "cut in a line": (talk(branch(), said("a"), b'{"type": "mess\n'), "is not JSON"),
    "not JSON": (talk(branch(), b"nonsense\n"), "is not JSON"),
    "blank": (talk(branch(), b"\n"), "is not JSON"),
    "no object": (talk(branch(), b"[]\n"), "is no object with a `type`"),
    "unknown type": (talk(branch(), {"type": "x"}), "has the unknown type `x`"),
    "nested": (talk(branch(), b'{"type":' + b"[" * 50_000 + b"]" * 50_000 + b"}\n"), "is not JSON"),
    "a long line": (talk(branch(), said("x" * 400_000)), "is too long"),
    "a cycle": (
        talk(branch(), branch(A, f"{B}.1", 1), said(forks=1), branch(B, f"{A}.2", 1), said(forks=1)),
        "not those that its messages",
    ),
    "a cycle of ones own": (talk(branch(), branch(A, f"{A}.1", 1), said(), said(forks=1)), "not those that its"),
    "children first": (
        talk(branch(), said(forks=1), said(), branch(B, f"{A}.1", 1), said(), branch(A, "main.0", 1), said(forks=1)),
        "does not come before it",
    ),
    "a parent that is missing": (talk(branch(), said(), branch(A, "main.7", 1), said()), "not those that its messages"),
    "a branch too few": (talk(branch(), said(forks=1)), "not those that its messages"),
    "a branch too many": (talk(branch(), said(), branch(A, "main.0", 1), said()), "not those that its messages"),
    "siblings of one number": (
        talk(branch(), said(forks=2), branch(A, "main.0", 1), said(), branch(B, "main.0", 1), said()),
        "not those that its messages",
    ),
    "a gap among siblings": (
        talk(branch(), said(forks=2), branch(A, "main.0", 1), said(), branch(B, "main.0", 3), said()),
        "not those that its messages",
    ),
    "a name twice": (
        talk(branch(), said(forks=2), branch(A, "main.0", 1), said(), branch(A, "main.0", 2), said()),
        f"branch {A} comes twice",
    ),
    "main twice": (talk(branch(), said(), branch(), said()), "`main` must be the first branch"),
    "no main": (talk(branch(A, None, 1), said(), rootForks=1), "`main` must be the first branch"),
    "a message of no branch": (talk(said()), "is a message of no branch"),
    "a branch without messages": (
        talk(branch(), said(forks=1), branch(A, "main.0", 1)), "comes after a branch without messages"
    ),
    "a name that is none": (talk(branch("../../x", "main.0", 1)), "`id` is no branch"),
    "too deep": (talk(branch(), said(), branch(A, "main.2147483647", 1), said()), "`after` is too deep"),
    "half a surrogate": (talk(branch(), b'{"type":"message","content":"\\ud800"}\n'), "is not JSON"),
    "no time": (talk(branch(), said(createdAt="tomorrow")), "`createdAt` is no time"),
    "a time out of time": (talk(branch(), said(createdAt="0001-01-01T00:00:00+14:00")), "`createdAt` is no time"),
    "no role": (talk(branch(), said(role="root")), "`role` is none"),
    "forks past all sense": (
        talk(branch(), packed(said()).replace(b"}", b',"forks":1' + b"0" * 30 + b"}")), "`forks` is no number"
    ),
    "a bool for a number": (talk(branch(), said(forks=True)), "`forks` is no number"),
    "attributes as operators": (talk(branch(), attributes={"$where": "1"}), "has a key that is empty, begins with `$`"),
    "attributes too deep": (talk(branch(), attributes={"x": eval("[" * 60 + "]" * 60)}), "is nested deeper"),
    "attributes too large": (talk(branch(), attributes={"x": "y" * 20_000}), "has more than 16,384 bytes"),
    "many tags": (talk(branch(), tags=["x"] * 33), "`tags` is no list of up to 32"),
    "no id": (talk(branch(), id=""), "`id` is no text"),
    "many vanished": (
        talk(branch(), said(forks=1_001), *(branch(f"{n:016x}", "main.0", n, vanished=True) for n in range(1, 1_002))),
        "more than 1,000 branches are without a message",
    ),
}  # fmt: skip


async def test_what_is_wrong_is_named_and_the_rest_goes_on(database: Database, tmp_path: Path) -> None:
    for name, (bad, reason) in REFUSED.items():
        good = talk(branch(), said("good"), id=name)
        report = await imported(database, packed(FIRST) + bad + good + DONE, person(), tmp_path / "file")
        assert report.imported == 1, (name, report.refusals)
        assert report.refusals, name
        assert any(reason in each.reason for each in report.refusals), (name, report.refusals)
        assert all("file, line" in each.where for each in report.refusals), (name, report.refusals)
    stored = await Conversation.find({}).to_list()
    assert {each.source for each in stored} == {f"parley:{name}" for name in REFUSED}
    left = {each["conversation_id"] async for each in database.db.buckets.find({})}
    assert left == {each.id for each in stored}  # nothing of the bad ones


async def test_a_line_far_too_long_is_passed_over_in_pieces(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:  # a sparse file: a line of NULs
        file.write(packed(FIRST) + b'{"type":"conversation","id":"')
        file.truncate(100_000_000)
        file.seek(100_000_000)
        file.write(b'"}\n' + GOOD + DONE)
    report = await import_parley(database.db, path, person(), SMALL)
    assert (report.imported, [each.reason for each in report.refusals]) == (1, ["is too long"])


def test_a_line_that_makes_much_of_little_is_not_parsed() -> None:
    for data in (b'{"x":[' + b"[]," * 200_000 + b"0]}\n", b'{"x":{' + b'"a":0,' * 90_000 + b'"a":0}}\n'):
        with pytest.raises(LineError, match="too many values"):
            parsed(ReadLine(1, 0, len(data), data))
    words = b'{"type":"message","content":"' + b'[],{}\\"' * 200_000 + b'"}\n'
    assert parsed(ReadLine(1, 0, len(words), words))["type"] == "message"


@pytest.mark.parametrize("data", [b"", b"{}\n", b"PK\x03\x04", b"\x00" * 100, b'{"type":"export","format":"x"}\n'])
async def test_what_is_no_such_file_is_refused_as_a_whole(database: Database, tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnreadableFileError):
        await imported(database, data, person(), tmp_path / "file")


async def test_a_newer_version_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="another version than 1"):
        await imported(database, packed({**FIRST, "version": 2}) + GOOD + DONE, person(), tmp_path / "file")


async def test_a_file_that_was_cut_short_says_so(database: Database, tmp_path: Path) -> None:
    data = packed(FIRST) + GOOD + talk(branch(), said(), said(), id="other")
    for end in range(len(packed(FIRST)), len(data) + 1, 7):
        report = await imported(database, data[:end], person(), tmp_path / "file")
        assert report.refused >= 1, end
        assert report.imported + report.unchanged <= data[:end].count(b'"end"')


async def test_nobody_is_made_the_author_of_what_a_file_says(database: Database, tmp_path: Path) -> None:
    owner, other = person(1), person(2)
    await other.insert()
    name = {"type": "author", "id": str(other.id), "name": "Eve"}
    files = [{"id": str(other.id), "name": "../../etc/passwd", "mediaType": "text/html", "size": 1, "sha256": "0" * 64}]
    forged = talk(branch(), name, said("I owe you", author=str(other.id), attachments=files), said("mine"))
    assert not (await imported(database, packed(FIRST) + forged + DONE, owner, tmp_path / "file")).refusals
    (stored,) = await Conversation.find({}).to_list()
    (bucket,) = await database.db.buckets.find({}).to_list()
    first, second = bucket["messages"]
    assert "author_id" not in first
    assert "attachments" not in first
    assert first["metadata"]["extra"] == {"author": {"id": str(other.id), "name": "Eve"}, "attachments": files}
    assert second["author_id"] == owner.id == stored.owner_id


async def test_an_id_in_a_file_chooses_no_conversation(database: Database, tmp_path: Path) -> None:
    """Neither that of another's conversation, nor what another imports."""
    eve, alice = person(1), person(2)
    taken = Conversation(owner_id=alice.id, started_at=alice.created_at, updated_at=alice.created_at, slot_width=4)
    await MessageTree(database.db, SMALL).start(taken)
    file = packed(FIRST) + talk(branch(), said(), id=str(taken.id)) + DONE
    for who in (eve, alice):
        report = await imported(database, file, who, tmp_path / "file")
        assert (report.imported, report.unchanged) == (1, 0)  # so nobody learns that it is there
    assert await Conversation.get(conversation_id(eve.id, "parley", str(taken.id)))
    kept = await Conversation.get(taken.id)
    assert kept
    assert (kept.owner_id, kept.message_count) == (alice.id, 0)


async def test_a_conversation_that_comes_twice_stands_once(database: Database, tmp_path: Path) -> None:
    twice = packed(FIRST) + GOOD + talk(branch(), said("other"), id="good") + DONE
    report = await imported(database, twice, person(), tmp_path / "file")
    assert (report.imported, report.refused) == (1, 1)
    assert "twice" in report.refusals[0].reason


async def test_what_does_not_fit_here_keeps_its_place_and_is_named(database: Database, tmp_path: Path) -> None:
    large = said("y" * 6_000, metadata={"extra": {"x": "z" * 5_000}})
    odd = said("fine", metadata={"tokensIn": -1}, status="streaming")
    report = await imported(
        database, packed(FIRST) + talk(branch(), large, odd, said()) + DONE, person(), tmp_path / "x"
    )
    assert report.imported == 1
    assert [each.where for each in report.refusals] == ["x, line 4", "x, line 4", "x, line 5"]
    (stored,) = await Conversation.find({}).to_list()
    tree = MessageTree(database.db, SMALL)
    first, second, third = (await seen(tree, stored))["paths"][MAIN]
    assert first["content"].startswith("[This message was not imported")
    assert (second["content"], second["status"], "metadata" in second) == ("fine", "interrupted", False)
    assert third["content"] == "x"
    await check_well_formed(database.db, stored.id)


async def test_a_branch_that_vanished_leaves_a_gap_that_nobody_sees(database: Database, tmp_path: Path) -> None:
    gone = branch(A, "main.0", 1, vanished=True)
    roots = (branch(f"{1:016x}", None, 1, vanished=True), branch(f"{2:016x}", None, 2), said("root"))
    lines = (branch(), said(forks=2), said(), *roots, gone, branch(B, "main.0", 2), said("b"))
    report = await imported(database, packed(FIRST) + talk(*lines, rootForks=2) + DONE, person(), tmp_path / "file")
    assert report.refusals == []
    (stored,) = await Conversation.find({}).to_list()
    paths = (await seen(MessageTree(database.db, SMALL), stored))["paths"]
    assert {name: [(each["content"], each["sibling"]) for each in path] for name, path in paths.items()} == {
        MAIN: [("x", (0, 2)), ("x", (0, 2))],
        f"{2:016x}": [("root", (1, 2))],
        B: [("x", (0, 2)), ("b", (1, 2))],
    }
