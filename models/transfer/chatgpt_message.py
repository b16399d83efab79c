"""One message of ChatGPT's export: who says what, as text, whatever kind of content it is."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from models.bucket import MessageRole, MessageStatus, Metadata
from models.transfer.said import Said, UnfitMessageError, unknown_role
from models.transfer.transcript import fitting
from models.transfer.values import Made, metadata, moment, text_of
from models.tree.draft import TreeLimits

CONTEXT: Final = {"user_editable_context", "model_editable_context"}
"""Content types that ChatGPT puts before a conversation: instructions and memories, hidden from its page."""

UNFINISHED: Final = {"in_progress", "finished_partial_completion"}

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "user_editable_context": ("user_profile", "user_instructions"),
    "model_editable_context": ("model_set_context",),
    "tether_browsing_display": ("result", "summary"),
    "tether_quote": ("title", "url", "text"),
    "reasoning_recap": ("content",),
}
"""Where the text of other kinds lies; of kinds unknown the first of `COMMON` that is there."""

COMMON: Final = ("text", "result", "content", "summary")


def said(message: Any, limits: TreeLimits) -> Said | None:
    """What `message` says; None for what is no part of the conversation: hidden and empty system messages."""
    if not isinstance(message, dict):
        raise UnfitMessageError("its message is no object")
    about = message.get("metadata")
    about = about if isinstance(about, dict) else {}
    role = _role(message)
    kind, text, media = _content(message.get("content"))
    hidden = about.get("is_visually_hidden_from_conversation") is True
    if (hidden and (role is MessageRole.SYSTEM or kind in CONTEXT)) or (
        role is MessageRole.SYSTEM and not text.strip() and not media
    ):
        return None
    content, flaw = fitting(text, limits.message_bytes)
    noted, _ = _metadata(message, about, kind, media, hidden, limits)
    return Said(
        role=role,
        content=content,
        created_at=moment(message.get("create_time")),
        status=_status(message.get("status")),
        metadata=noted,
        flaw=flaw,
    )


def _role(message: Mapping[str, Any]) -> MessageRole:
    author = message.get("author")
    role = author.get("role") if isinstance(author, dict) else None
    if isinstance(role, str) and role in set(MessageRole):
        return MessageRole(role)
    raise unknown_role(role)


def _status(status: Any) -> MessageStatus:
    unfinished = isinstance(status, str) and status in UNFINISHED
    return MessageStatus.INTERRUPTED if unfinished else MessageStatus.COMPLETE


def _content(content: Any) -> tuple[str, str, list[Any]]:
    """The kind of content, its text, and what of it is no text."""
    if content is None or isinstance(content, str):
        return "text", text_of(content or ""), []
    if not isinstance(content, dict):
        raise UnfitMessageError("its content is no object")
    kind = content.get("content_type")
    kind = kind if isinstance(kind, str) else "text"
    parts = content.get("parts")
    if isinstance(parts, list):
        text, media = _joined(parts), [part for part in parts if isinstance(part, dict | list)]
    elif kind == "thoughts":
        text, media = _thoughts(content), []
    else:
        text, media = _field_text(kind, content)
    return kind, text_of(text), media


def _joined(parts: Iterable[Any]) -> str:
    texts = [_part(part) for part in parts if part is not None]
    return texts[0] if len(texts) == 1 else "\n".join(text for text in texts if text)


def _part(part: Any) -> str:
    """A part as text: its own words (a transcribed sound), or the name of its kind in brackets."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return str(part)[:1000]
    text = part.get("text")
    if isinstance(text, str) and text:
        return text
    kind = part.get("content_type")
    return f"[{kind.removesuffix('_asset_pointer') if isinstance(kind, str) and kind else 'attachment'}]"


def _thoughts(content: Mapping[str, Any]) -> str:
    thoughts = content.get("thoughts")
    found = [thought for thought in thoughts if isinstance(thought, dict)] if isinstance(thoughts, list) else []
    return "\n\n".join(filter(None, (_strings(thought, ("summary", "content"), "\n") for thought in found)))


def _field_text(kind: str, content: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The text of a kind without parts; a kind that has none is named in brackets, and kept whole beside."""
    text = _strings(content, FIELDS[kind], "\n") if kind in FIELDS else _strings(content, COMMON, None)
    if text is not None or len(content) < 2:
        return text or "", []
    return f"[{kind}]", [content]


def _strings(content: Mapping[str, Any], names: Iterable[str], joint: str | None) -> str | None:
    """The texts that `content` has under `names`, joined; only the first where there is no joint."""
    found = [value for name in names if isinstance(value := content.get(name), str)]
    if not found:
        return None
    return found[0] if joint is None else joint.join(filter(None, found))


def _metadata(
    message: Mapping[str, Any],
    about: Mapping[str, Any],
    kind: str,
    media: list[Any],
    hidden: bool,
    limits: TreeLimits,
) -> tuple[Metadata | None, str | None]:
    author = message.get("author")
    content = message.get("content")
    recipient = message.get("recipient")
    ended = about.get("finish_details")
    values = {
        "source_id": message.get("id"),
        "content_type": None if kind == "text" else kind,
        "language": _get(content, "language"),
        "name": _get(author, "name"),
        "recipient": None if recipient == "all" else recipient,
        "channel": message.get("channel"),
        "hidden": hidden,
        "attachments": about.get("attachments"),
        "parts": media,
    }
    return metadata(values, limits.metadata_bytes, Made(about.get("model_slug"), _get(ended, "type")))


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
