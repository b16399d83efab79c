"""Random trees, as they are written by people, and what is seen of a stored one."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from beanie import PydanticObjectId
from hypothesis import strategies as st

from models.bucket import MessageRole, MessageStatus, Metadata
from models.conversation import Conversation
from models.database import Database
from models.transfer.exporting import Tally, Trees, View, Writing
from models.transfer.importing import Report
from models.transfer.parley.importing import import_parley
from models.transfer.parley.writing import ParleyWriting
from models.tree import Address, Draft, MessageTree, TreeLimits, Window
from models.tree.turns import Turns
from models.user import User

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
SMALL = TreeLimits(bucket_messages=4, bucket_bytes=2_000, message_bytes=5_000, metadata_bytes=2_000)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def person(number: int = 1) -> User:
    """An account; made, not stored."""
    return User(
        id=PydanticObjectId(f"65a0000000000000000000{number:02}"), email="a@b.example", email_key="a@b.example",
        display_name="A", name_key="a", password_hash="-", created_at=AT,
    )  # fmt: skip


@dataclass(frozen=True)
class Act:
    """Something that is done to a tree: which, where (a share of the messages there are), with what."""

    kind: str
    place: int
    text: str
    role: MessageRole = MessageRole.USER


ACTS = st.builds(
    Act,
    st.sampled_from(["reply"] * 6 + ["end"] * 4 + ["edit", "root", "delete", "remove", "choose", "purge"]),
    st.integers(0, 10_000),
    TEXTS,
    st.sampled_from(MessageRole),
)


async def grown(tree: MessageTree, owner: User, acts: list[Act], **fields: Any) -> Conversation:
    """A conversation to which all that was done."""
    started = {"started_at": AT, "updated_at": AT, "slot_width": tree.limits.bucket_messages}
    stored = Conversation(owner_id=owner.id, **started, **fields)
    await tree.start(stored)
    there: list[Address] = []
    for number, act in enumerate(acts):
        place = there[act.place % len(there)] if there else None
        there += await _done(tree, stored, owner, act, place, number)
        if act.kind in {"remove", "purge"}:
            stored = await again(stored)
            there = await addresses(tree, stored)
    return await again(stored)


async def _done(
    tree: MessageTree, stored: Conversation, owner: User, act: Act, place: Address | None, number: int
) -> list[Address]:
    """Where it put a message."""
    about = Metadata(llm_model="m", tokens_in=number, extra={"ü": [act.text]})
    draft = Draft(
        role=act.role,
        content=act.text,
        author_id=owner.id if act.role is MessageRole.USER else None,
        created_at=AT + timedelta(seconds=number),
        status=MessageStatus.INTERRUPTED if number % 7 == 0 else MessageStatus.COMPLETE,
        metadata=about if act.role is MessageRole.ASSISTANT else None,
    )
    match act.kind, place:
        case ("delete", Address()):
            await tree.delete(stored, place, None)
        case ("remove", Address()):
            await tree.remove(stored, place, None)
        case ("choose", Address()):
            await tree.choose(stored, owner.id, place.branch)
        case ("purge", _):
            await tree.purge(datetime(2100, 1, 1, tzinfo=UTC))
        case ("edit", Address()):
            row = (await tree.history(stored).rows([place]))[place]
            edited = replace(draft, author_id=owner.id, edited_from=str(place))
            return [(await tree.append(stored, row.parent, edited)).address]
        case ("end", Address()):
            return [(await tree.append_at_end(stored, place.branch, draft)).address]
        case (_, Address()) if act.kind != "root":
            return [(await tree.append(stored, place, draft)).address]
        case _:
            return [(await tree.append(stored, None, draft)).address]
    return []


async def again(conversation: Conversation) -> Conversation:
    found = await Conversation.get(conversation.id)
    assert found
    return found


async def branches(tree: MessageTree, conversation: Conversation) -> list[str]:
    """Those in sight."""
    history = tree.history(conversation)
    names = [each.branch for each in await history.branches(None, 10_000)]
    return sorted((await history.ends(names)).keys())


async def addresses(tree: MessageTree, conversation: Conversation) -> list[Address]:
    """All messages in sight."""
    found: set[Address] = set()
    for branch in await branches(tree, conversation):
        page = await tree.history(conversation).page(branch, Window(first=10_000))
        found |= {row.address for row in page.rows}
    return sorted(found)


SAID = ("role", "content", "created_at", "status", "metadata", "edited_from", "deleted_at")


async def seen(tree: MessageTree, conversation: Conversation) -> dict[str, Any]:
    """All that its owner sees of it, but for its id: read by `History`, which the export doesn't use."""
    history = tree.history(conversation)
    paths: dict[str, list[dict[str, Any]]] = {}
    for branch in await branches(tree, conversation):
        page = await history.page(branch, Window(first=10_000))
        known = await history.rows(
            [Address.parse(each) for row in page.rows if (each := row.message.get("edited_from"))]
        )
        sources = {str(address) for address in known}
        paths[branch] = [
            {name: row.message[name] for name in SAID if name in row.message and name != "edited_from"}
            | {"mine": row.message.get("author_id") == conversation.owner_id}
            | {"at": row.address, "sibling": (row.sibling_index, row.sibling_count)}
            | ({"edited_from": row.message["edited_from"]} if row.message.get("edited_from") in sources else {})
            for row in page.rows
        ]
    created = await history.created(list(paths))
    fields = ("title", "tags", "attributes", "archived", "started_at", "updated_at", "message_count", "branch_count")
    about = {name: getattr(conversation, name) for name in fields}
    chosen = await history.refuge(conversation.chosen_branch)
    return {**about, "chosen": chosen, "paths": paths, "created": created}


async def nameless(_: PydanticObjectId) -> str | None:
    return None


async def exported(
    database: Database, conversations: list[Conversation], writing: Writing | None = None, *, metadata: bool = True
) -> bytes:
    """A file with these."""
    trees, tally, writing = Trees(database.db, SMALL, Turns()), Tally(), writing or ParleyWriting()
    pieces = [writing.first(None)]
    for each in conversations:
        pieces += [piece async for piece in writing.conversation(trees, each, View(metadata, nameless), tally)]
    return b"".join([*pieces, writing.last(tally)])


async def imported(database: Database, data: bytes, owner: User, path: Path, limits: TreeLimits = SMALL) -> Report:
    """What came of a file."""
    await asyncio.to_thread(path.write_bytes, data)
    return await import_parley(database.db, path, owner, limits)


async def of_owner(owner: User) -> list[Conversation]:
    """All of his, in the order of their titles."""
    return sorted(await Conversation.find({"owner_id": owner.id}).to_list(), key=lambda each: each.title or "")
