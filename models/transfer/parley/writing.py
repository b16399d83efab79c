"""Writes Parley's own format, piece by piece, while the trees are read."""

from collections.abc import AsyncIterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import orjson
from beanie import PydanticObjectId

from models.clock import now
from models.conversation import Conversation
from models.transfer.exporting import Tally, Trees, View
from models.transfer.parley.lines import OWNER, VERSION, line, metadata, time
from models.tree.fork_queue import Fork
from models.tree.walk import Stretch, Visit

END: Final = b'{"type":"end",'


class ParleyWriting:
    """See `lines`."""

    media_type: Final = "application/x-ndjson"
    file_name: Final = "conversations.parley.ndjson"

    def first(self, of: PydanticObjectId | None) -> bytes:
        return line("export", {"format": "parley", "version": VERSION, "of": str(of or "all"), "at": time(now())})

    async def conversation(
        self, trees: Trees, conversation: Conversation, view: View, tally: Tally
    ) -> AsyncIterator[bytes]:
        written = _Written(conversation, view)
        walk = trees.walk(conversation)
        beginnings = await walk.beginnings()
        chosen = await trees.history(conversation).refuge(conversation.chosen_branch)
        yield written.add(_head(conversation, chosen, len(beginnings) - 1))
        async for stretch in walk.stretches(beginnings):
            yield written.add(await written.stretch(stretch))
        yield written.end()
        tally.conversations += 1
        tally.messages += written.messages

    def last(self, tally: Tally) -> bytes:
        return orjson.dumps(
            {"type": "done", "conversations": tally.conversations, "messages": tally.messages},
            option=orjson.OPT_APPEND_NEWLINE,
        )

    def broken_off(self, reason: str) -> bytes:
        return line("broken_off", {"reason": reason})

    def whole(self, line: bytes) -> Mapping[str, object] | None:
        if not line.startswith(END):
            return None
        ended: dict[str, object] = orjson.loads(line)
        return ended


class _Written:
    """A conversation while it is written."""

    def __init__(self, conversation: Conversation, view: View) -> None:
        self._conversation = conversation
        self._view = view
        self._authors: set[PydanticObjectId] = set()
        self._digest = sha256()
        self.branches = self.messages = 0

    def add(self, data: bytes) -> bytes:
        """The same, counted in the checksum."""
        self._digest.update(data)
        return data

    def end(self) -> bytes:
        return orjson.dumps(
            {
                "type": "end",
                "id": str(self._conversation.id),
                "branches": self.branches,
                "messages": self.messages,
                "sha256": self._digest.hexdigest(),
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )

    async def stretch(self, stretch: Stretch) -> bytes:
        pieces = [await self._introduced(stretch.visits)]
        if stretch.first:
            self.branches += 1
            pieces.append(_branch(stretch))
        self.messages += len(stretch.visits)
        pieces += [self._message(visit) for visit in stretch.visits]
        return b"".join(pieces)

    async def _introduced(self, visits: Sequence[Visit]) -> bytes:
        """Who writes here for the first time."""
        found = {author for visit in visits if (author := visit.message.get("author_id"))}
        fresh = sorted(found - self._authors - {self._conversation.owner_id})
        self._authors.update(fresh)
        names = [(each, await self._view.name_of(each)) for each in fresh]
        return b"".join(line("author", {"id": str(each), "name": name}) for each, name in names if name)

    def _message(self, visit: Visit) -> bytes:
        said = visit.message
        author = said.get("author_id")
        return line(
            "message",
            {
                "role": said["role"],
                "content": said.get("content"),
                "createdAt": time(said["created_at"]),
                "author": OWNER if author and author == self._conversation.owner_id else author and str(author),
                "status": said.get("status"),
                "metadata": metadata(said.get("metadata")) if self._view.metadata else None,
                "editedFrom": said.get("edited_from"),
                "attachments": [_attachment(each) for each in said.get("attachments", ())],
                "deletedAt": time(said["deleted_at"]) if said.get("deleted_at") else None,
                "forks": len(visit.forks) or None,
            },
        )


def _head(conversation: Conversation, chosen: str, root_forks: int) -> bytes:
    return line(
        "conversation",
        {
            "id": str(conversation.id),
            "owner": str(conversation.owner_id),
            "title": conversation.title,
            "tags": conversation.tags,
            "attributes": conversation.attributes,
            "archived": conversation.archived,
            "startedAt": time(conversation.started_at),
            "updatedAt": time(conversation.updated_at),
            "chosenBranch": chosen,
            "rootForks": root_forks or None,
        },
    )


def _branch(stretch: Stretch) -> bytes:
    fork: Fork = stretch.fork
    return line(
        "branch",
        {
            "id": fork.branch,
            "after": str(fork.after) if fork.after else None,
            "sibling": fork.ordinal or None,
            "createdAt": time(fork.created_at),
            "vanished": stretch.last and not stretch.visits and fork.ordinal > 0,
        },
    )


def _attachment(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(stored["id"]),
        "name": stored["name"],
        "mediaType": stored["media_type"],
        "size": stored["size"],
        "sha256": stored["sha256"].hex(),
    }
