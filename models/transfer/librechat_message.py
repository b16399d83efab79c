"""One message of LibreChat's export: what it says, with its thoughts, tools and files beside."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from models.bucket import MessageRole, MessageStatus
from models.transfer.content import field, joined, objects, references, text
from models.transfer.said import Said, UnfitMessageError
from models.transfer.transcript import fitting
from models.transfer.values import Made, epoch, metadata, text_of
from models.tree.draft import TreeLimits

FILES: Final = ("image_file", "image_url", "video_url", "input_audio")
NOTES: Final = ("agent_update", "summary")
KEPT: Final = ("endpoint", "feedback", "quotes", "manualSkills", "summary", "isEdited")


def said(message: Any, limits: TreeLimits) -> Said:
    """What `message` says: the text in its `content`, where it has that, else its `text`.

    Thoughts, calls of tools and files are no part of the content: they lie in the metadata, as much as fits.
    """
    if not isinstance(message, dict):
        raise UnfitMessageError("it is no object")
    role = _role(message)
    parts = list(objects(message.get("content")))
    files = references(message.get("files")) + references(message.get("attachments")) + references(_files(parts))
    tools = [part["tool_call"] for part in parts if isinstance(part.get("tool_call"), dict)]
    content, flaw = fitting(text_of(_words(message, parts) or _named(files, tools)), limits.message_bytes)
    failed = message.get("error") is True or any(part.get("type") == "error" for part in parts)
    sender, model = message.get("sender"), message.get("model")
    values = {
        "source_id": message.get("messageId"),
        "sender": None if sender in ("User", model) else sender,
        "error": failed,
        "files": files,
        "tools": tools,
        "agents": [part for part in parts if part.get("type") in NOTES],
    } | {name: message.get(name) for name in KEPT}
    noted, cut = metadata(values, limits.metadata_bytes, _made(message, role, failed, parts))
    return Said(
        role=role,
        content=content,
        created_at=_time(message.get("createdAt")),
        status=MessageStatus.INTERRUPTED if failed or message.get("unfinished") is True else MessageStatus.COMPLETE,
        metadata=noted,
        flaw=flaw or cut,
    )


def _role(message: Mapping[str, Any]) -> MessageRole:
    """LibreChat knows whether a user wrote it, and nothing else."""
    wrote = message.get("isCreatedByUser")
    if isinstance(wrote, bool):
        return MessageRole.USER if wrote else MessageRole.ASSISTANT
    role = message.get("role")
    if isinstance(role, str) and role in set(MessageRole):
        return MessageRole(role)
    sender = message.get("sender")
    if isinstance(sender, str) and sender:
        return MessageRole.USER if sender.casefold() == "user" else MessageRole.ASSISTANT
    raise UnfitMessageError("it doesn't say who wrote it: `isCreatedByUser` is missing")


def _words(message: Mapping[str, Any], parts: list[Mapping[str, Any]]) -> str:
    spoken = joined(text(part.get("text")) or text(part.get("error")) for part in parts)
    return spoken or text(message.get("text")) or text(message.get("content"))


def _named(files: list[dict[str, Any]], tools: list[dict[str, Any]]) -> str:
    """What a message without words is instead."""
    if tools:
        return f"[tool call: {str(tools[0].get('name') or field(tools[0], 'function', 'name') or 'unnamed')[:80]}]"
    return "[attachment]" if files else ""


def _files(parts: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = [(part["type"], part.get(part["type"])) for part in parts if part.get("type") in FILES]
    return [{"type": kind, **(file if isinstance(file, dict) else {"url": file})} for kind, file in found]


def _made(message: Mapping[str, Any], role: MessageRole, failed: bool, parts: list[Mapping[str, Any]]) -> Made:
    """Its `tokenCount` is of what the message says: of an answer, what came out."""
    answered = role is MessageRole.ASSISTANT
    count = message.get("tokenCount")
    return Made(
        model=message.get("model"),
        finish=message.get("finish_reason") or ("error" if failed else None),
        tokens_in=message.get("promptTokens") if answered else count,
        tokens_out=(message.get("completionTokens") or count) if answered else None,
        reasoning=joined(text(part.get("think")) for part in parts),
    )


def _time(value: Any) -> datetime | None:
    """`mongoexport` wraps times: `{"$date": …}`."""
    return epoch(value.get("$date") if isinstance(value, dict) else value)
