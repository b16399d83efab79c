"""From the objects of lines to what is planted, checked field by field."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson
from beanie import PydanticObjectId
from pydantic import ValidationError

from models.bucket import MessageRole, MessageStatus, Metadata
from models.free_form import FreeFormError, check_free_form
from models.transfer.parley.lines import NAMES, OWNER
from models.transfer.parley.reading import LineError
from models.transfer.transcript import fitting
from models.transfer.values import moment
from models.tree.address import MAIN, MAX_DEPTH, Address, is_branch
from models.tree.draft import Draft, TreeLimits
from models.tree.errors import InvalidContentError
from models.tree.fork_queue import Fork

TITLE: Final = 300
TAGS: Final = 32
TAG: Final = 64
ATTRIBUTES: Final = 16 * 1024
"""As for those that are made here: characters, tags, characters, bytes."""
ID: Final = 200
MOST: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Head:
    """What a conversation's first line says."""

    source_id: str
    title: str | None
    tags: list[str]
    attributes: dict[str, Any]
    archived: bool
    started_at: datetime
    updated_at: datetime
    chosen: str
    root_forks: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch's line; a `vanished` one has no messages."""

    fork: Fork
    vanished: bool


@dataclass(frozen=True, slots=True)
class Said:
    """A message's line; `flaws` are what of it can't be kept."""

    draft: Draft
    forks: int
    flaws: tuple[str, ...] = ()


def head(fields: Mapping[str, Any]) -> Head:
    """Raises `LineError`."""
    started_at = _time(fields, "startedAt")
    chosen = fields.get("chosenBranch", MAIN)
    if not isinstance(chosen, str) or not is_branch(chosen):
        raise LineError("`chosenBranch` is no branch")
    return Head(
        source_id=_text(fields, "id", ID),
        title=_text(fields, "title", TITLE) if fields.get("title") is not None else None,
        tags=_tags(fields.get("tags", [])),
        attributes=_attributes(fields.get("attributes", {})),
        archived=fields.get("archived") is True,
        started_at=started_at,
        updated_at=_time(fields, "updatedAt") if "updatedAt" in fields else started_at,
        chosen=chosen,
        root_forks=_number(fields, "rootForks"),
    )


def branch(fields: Mapping[str, Any]) -> Branch:
    """Raises `LineError`."""
    name, above = fields.get("id"), fields.get("after")
    if not isinstance(name, str) or not is_branch(name):
        raise LineError("`id` is no branch")
    after = None if above is None else _address(above)
    sibling = _number(fields, "sibling")
    if name == MAIN and (after or sibling):
        raise LineError("`main` comes after nothing")
    if name != MAIN and sibling == 0:
        raise LineError("`sibling` is missing")
    start = after.depth + 1 if after else 0
    if start > MAX_DEPTH:
        raise LineError("`after` is too deep")
    made = Fork(name, after, start, sibling, _time(fields, "createdAt"))
    return Branch(made, fields.get("vanished") is True and name != MAIN)


def message(
    fields: Mapping[str, Any], owner_id: PydanticObjectId, names: Mapping[str, str], limits: TreeLimits
) -> Said:
    """As a message of a conversation of `owner_id`. Raises `LineError`."""
    role = fields.get("role")
    if not isinstance(role, str) or role not in set(MessageRole):
        raise LineError("`role` is none")
    content = fields.get("content", "")
    if not isinstance(content, str):
        raise LineError("`content` is no text")
    flaws: list[str] = []
    words, flaw = fitting(content, limits.message_bytes)
    deleted_at = _time(fields, "deletedAt") if fields.get("deletedAt") is not None else None
    draft = Draft(
        role=MessageRole(role),
        content="" if deleted_at else words,
        author_id=owner_id if fields.get("author") == OWNER else None,
        created_at=_time(fields, "createdAt"),
        status=_status(fields.get("status")),
        edited_from=str(_address(fields["editedFrom"])) if fields.get("editedFrom") is not None else None,
        deleted_at=deleted_at,
    )
    about, doubt = (None, None) if deleted_at else _metadata(fields, names, limits)
    flaws += [each for each in (None if deleted_at else flaw, doubt) if each]
    return Said(replace(draft, metadata=about), _number(fields, "forks"), tuple(flaws))


def _metadata(
    fields: Mapping[str, Any], names: Mapping[str, str], limits: TreeLimits
) -> tuple[Metadata | None, str | None]:
    """The metadata with what can only be noted: who else wrote it, and its files; and what is wrong with it."""
    given = fields.get("metadata", {})
    if not isinstance(given, dict):
        return None, "has `metadata` that are no object"
    noted = _noted(fields, names)
    known = {NAMES[name]: value for name, value in given.items() if name in NAMES}
    if noted:
        extra = known.get("extra", {})
        known["extra"] = {**extra, **noted} if isinstance(extra, dict) else noted
    if not known:
        return None, None
    try:
        made = Metadata.model_validate(known, strict=True)
        Draft(MessageRole.USER, "", metadata=made).check(limits)
    except (ValidationError, InvalidContentError) as error:
        reason = str(error) if isinstance(error, InvalidContentError) else "holds values that can't be"
        return None, f"is imported without its metadata: {reason}"
    return made, None


def _noted(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Nobody is the author of what others say that he wrote, and no file is there because its name is."""
    noted: dict[str, Any] = {}
    author, files = fields.get("author"), fields.get("attachments")
    if isinstance(author, str) and author != OWNER:
        noted["author"] = {"id": author[:ID]} | ({"name": names[author]} if author in names else {})
    if isinstance(files, list) and files:
        noted["attachments"] = files
    return noted


def _status(given: object) -> MessageStatus:
    """What was still being written when it was exported will not be finished here."""
    if given is None or given == MessageStatus.COMPLETE:
        return MessageStatus.COMPLETE
    if given in (MessageStatus.STREAMING, MessageStatus.INTERRUPTED):
        return MessageStatus.INTERRUPTED
    raise LineError("`status` is none")


def _time(fields: Mapping[str, Any], name: str) -> datetime:
    given = fields.get(name)
    found = moment(given) if isinstance(given, str) and not given.isdecimal() else None
    if found is None:
        raise LineError(f"`{name}` is no time")
    return found


def _address(given: object) -> Address:
    try:
        return Address.parse(given if isinstance(given, str) else "")
    except ValueError:
        raise LineError("names a message by what is no address") from None


def _number(fields: Mapping[str, Any], name: str) -> int:
    given = fields.get(name, 0)
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= MOST:
        raise LineError(f"`{name}` is no number from 0 to {MOST:,}")
    return given


def _text(fields: Mapping[str, Any], name: str, most: int) -> str:
    given = fields.get(name)
    if not isinstance(given, str) or not 0 < len(given) <= most:
        raise LineError(f"`{name}` is no text of 1 to {most} characters")
    return given


def _tags(given: object) -> list[str]:
    if not isinstance(given, list) or len(given) > TAGS:
        raise LineError(f"`tags` is no list of up to {TAGS}")
    return [_text({"tags": each}, "tags", TAG) for each in given]


def _attributes(given: object) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise LineError("`attributes` is no object")
    try:
        check_free_form(given)
    except FreeFormError as error:
        raise LineError(f"`attributes` {error}") from None
    if len(orjson.dumps(given)) > ATTRIBUTES:
        raise LineError(f"`attributes` has more than {ATTRIBUTES:,} bytes")
    return given
