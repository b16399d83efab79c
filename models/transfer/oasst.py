"""Reads Open-Assistant's trees: a JSON object a line, replies nested in replies.

Replies to one message are alternatives, kept in the file's order. A message without a time of its own
(`created_date`) gets its parent's; the prompt gets the file's. A deleted message keeps its place without its text.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from models.bucket import MessageRole
from models.transfer.errors import Refusal, UnreadableFileError
from models.transfer.parsing import Unreadable, parse
from models.transfer.records import lines
from models.transfer.transcript import Terms, Transcript, fitting
from models.transfer.values import Made, headline, metadata, moment, text_of
from models.tree.plant import Sprout

ROLES: Final = {"prompter": MessageRole.USER, "assistant": MessageRole.ASSISTANT}
EXTRAS: Final = ("lang", "rank", "synthetic", "emojis", "labels", "review_count", "review_result")


def read(name: str, chunks: Iterator[bytes], terms: Terms) -> Iterator[Transcript | Refusal]:
    """The trees of the file called `name`, and what can't be imported of it."""
    for number, record in enumerate(parse(lines(_checked(name, chunks))), 1):
        where = f"{name}, line {number}"
        if isinstance(record, Unreadable):
            yield Refusal(where, record.reason)
        elif record is not None:
            yield from transcribe(record.value, where, terms)
        del record  # or else it is held while the next one is read


def _checked(name: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same, unless the text begins as no JSON line does."""
    begun = False
    for chunk in chunks:
        if not begun and chunk.strip():
            begun = True
            if not chunk.lstrip().startswith(b"{"):
                raise UnreadableFileError(name, "is not in format `oasst`: a JSON object a line, each a message tree")
        yield chunk
    if not begun:
        raise UnreadableFileError(name, "is empty")


def transcribe(tree: Any, where: str, terms: Terms) -> Iterator[Transcript | Refusal]:
    """The tree of one line, after what is wrong with single messages of it."""
    prompt = tree.get("prompt") if isinstance(tree, dict) else None
    if not isinstance(prompt, dict):
        yield Refusal(where, "holds no message tree: `prompt` is missing")
        return
    source_id = tree.get("message_tree_id") or prompt.get("message_id")
    if not isinstance(source_id, str):
        yield Refusal(where, "holds no `message_tree_id`")
        return
    sprouts: list[Sprout] = []
    for refused_id, reason in _grow(prompt, sprouts, terms):
        yield Refusal(f"{where}, message {refused_id}", reason)
    if not sprouts:
        yield Refusal(where, "holds no message that can be imported")
        return
    yield Transcript(
        source_id=text_of(source_id),
        title=headline(sprouts[0].content),
        started_at=sprouts[0].created_at,
        updated_at=max(sprout.created_at for sprout in sprouts),
        sprouts=sprouts,
    )


def _grow(prompt: Any, sprouts: list[Sprout], terms: Terms) -> Iterator[tuple[object, str]]:
    """Fill `sprouts`, depth first; ids of messages that are left out, or stand without their text, and why.

    Replies to a message that is left out follow what it followed.
    """
    waiting: list[tuple[Any, int | None]] = [(prompt, None)]
    while waiting:
        message, parent = waiting.pop()
        problem = _unfit(message)
        if problem:
            yield (message.get("message_id") if isinstance(message, dict) else None), problem
        else:
            said_at = terms.written_at if parent is None else sprouts[parent].created_at
            sprout, reason = _sprout(message, parent, said_at, terms)
            sprouts.append(sprout)
            parent = len(sprouts) - 1
            if reason:
                yield message.get("message_id"), reason
        replies = message.get("replies") if isinstance(message, dict) else None
        if isinstance(replies, list):
            waiting.extend((reply, parent) for reply in reversed(replies))


def _unfit(message: Any) -> str | None:
    if not isinstance(message, dict):
        return "is no object"
    if not isinstance(message.get("text"), str):
        return "has no `text`"
    role = message.get("role")
    return None if isinstance(role, str) and role in ROLES else f"has the unknown role `{str(role)[:80]}`"


def _sprout(message: Any, parent: int | None, said_at: datetime, terms: Terms) -> tuple[Sprout, str | None]:
    created_at = moment(message.get("created_date")) or said_at
    deleted = bool(message.get("deleted"))
    content, reason = fitting("" if deleted else text_of(message["text"]), terms.limits.message_bytes)
    extra = {"source_id": message.get("message_id")} | {name: message.get(name) for name in EXTRAS}
    about, _ = metadata(extra, terms.limits.metadata_bytes, Made(message.get("model_name")))
    sprout = Sprout(
        parent=parent,
        role=ROLES[message["role"]],
        content=content,
        created_at=created_at,
        metadata=None if deleted else about,
        deleted_at=created_at if deleted else None,
    )
    return sprout, reason
