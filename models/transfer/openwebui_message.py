"""One message of Open WebUI's export: what it says, with its thoughts, tools and files beside."""

from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any, Final

from models.bucket import MessageRole, MessageStatus
from models.transfer.content import field, joined, objects, references, text
from models.transfer.said import Said, UnfitMessageError, unknown_role
from models.transfer.transcript import fitting
from models.transfer.values import Made, epoch, metadata, text_of
from models.tree.draft import TreeLimits

ROLES: Final = {role.value: role for role in MessageRole} | {
    "developer": MessageRole.SYSTEM,
    "function": MessageRole.TOOL,
}
THOUGHTS: Final = '<details type="reasoning"'
END: Final = "</details>"
NANOSECONDS: Final = 1_000_000
"""In a millisecond."""
KEPT: Final = (
    "modelName", "selectedModelId", "arena", "annotation", "sources", "citations", "statusHistory", "code_executions",
    "followUps", "models", "tool_calls", "tool_call_id",
)  # fmt: skip


def said(message: Any, limits: TreeLimits) -> Said:
    """What `message` says. Its reasoning is no part of its content: it lies in the metadata, as much as fits."""
    if not isinstance(message, dict):
        raise UnfitMessageError("it is no object")
    role = message.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise unknown_role(role)
    words, thoughts = _apart(_words(message))
    error = _error(message.get("error"))
    files = references(message.get("files")) + references(_images(message.get("content")))
    content, flaw = fitting(text_of(words or error or ("[attachment]" if files else "")), limits.message_bytes)
    thoughts = joined(_thoughts(message.get("output"))) or thoughts
    usage = message.get("usage") if isinstance(message.get("usage"), Mapping) else message.get("info")
    values = {
        "source_id": message.get("id"),
        "error": error,
        "files": files,
        "merged": field(message, "merged", "content"),
        "tools": [each for each in objects(message.get("output")) if each.get("type") not in ("reasoning", "message")],
    } | {name: message.get(name) for name in KEPT}
    noted, cut = metadata(values, limits.metadata_bytes, _made(message.get("model"), usage, error, thoughts))
    return Said(
        role=ROLES[role],
        content=content,
        created_at=epoch(message.get("timestamp")),
        status=MessageStatus.INTERRUPTED if error or message.get("done") is False else MessageStatus.COMPLETE,
        metadata=noted,
        flaw=flaw or cut,
    )


def _words(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return joined((text(part.get("text")) for part in objects(content)), "\n")
    return content if isinstance(content, str) else ""


def _images(content: Any) -> list[dict[str, Any]]:
    found = (part for part in objects(content) if part.get("type") == "image_url")
    return [{"type": "image", "url": field(part, "image_url", "url")} for part in found]


def _error(error: Any) -> str:
    """It is told as `{"content": …}`, as text, as an object of the provider, or by `true`."""
    for found in (error, *(field(error, *path) for path in (("content",), ("message",), ("detail",), ("error",)))):
        if isinstance(found, str) and found:
            return text_of(found)
    return "error" if error else ""


def _apart(words: str) -> tuple[str, str]:
    """The words, and the thoughts that stand among them: Open WebUI takes these out before a model reads them, too."""
    spoken: list[str] = []
    thoughts: list[str] = []
    place = 0
    while (start := words.find(THOUGHTS, place)) >= 0 and (end := words.find(END, start)) >= 0:
        inner = words[start:end].partition(">")[2]
        inner = inner.partition("</summary>")[2] if "</summary>" in inner else inner
        spoken.append(words[place:start])
        thoughts.append("\n".join(line.removeprefix("> ") for line in unescape(inner).strip().splitlines()))
        place = end + len(END)
    rest = words[place:]
    return ("".join(spoken) + (rest.lstrip("\n") if spoken else rest)), joined(thoughts)


def _thoughts(output: Any) -> Iterator[str]:
    for item in objects(output):
        if item.get("type") == "reasoning":
            yield joined((text(part.get("text")) for part in objects(item.get("content"))), "\n")


def _made(model: object, usage: Any, error: str, thoughts: str) -> Made:
    """As their `normalize_usage` reads what providers tell; durations are Ollama's, in nanoseconds."""

    def first(*names: str) -> object:
        return next((found for name in names if (found := field(usage, name))), None)

    duration = first("total_duration")
    return Made(
        model=model,
        finish="error" if error else None,
        tokens_in=first("input_tokens", "prompt_tokens", "prompt_eval_count", "prompt_n"),
        tokens_out=first("output_tokens", "completion_tokens", "eval_count", "predicted_n"),
        tokens_used=first("total_tokens"),
        latency_ms=float(duration) / NANOSECONDS if isinstance(duration, int | float) else None,
        reasoning=thoughts,
    )
