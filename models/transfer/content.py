"""Contents of messages that come in parts, as OpenAI's interface words them and most others after it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

EMBEDDED: Final = "data:"
FILE_FIELDS: Final = (
    "type", "id", "file_id", "name", "filename", "filepath", "url", "size", "bytes", "content_type", "width", "height",
)  # fmt: skip


def field(value: Any, *names: str) -> Any:
    """What lies in `value` under the first name, in that under the next, …; None where something is no object."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def text(value: Any) -> str:
    """`value` if it is text, or the text in an object of OpenAI's: `{"value": …}`."""
    if isinstance(value, Mapping):
        value = value.get("value")
    return value if isinstance(value, str) else ""


def joined(texts: Iterable[str], joint: str = "\n\n") -> str:
    """Those that say something."""
    return joint.join(each for each in texts if each)


def objects(values: Any) -> Iterator[Mapping[str, Any]]:
    """The objects in a list."""
    return (each for each in values if isinstance(each, Mapping)) if isinstance(values, list) else iter(())


def references(files: Any) -> list[dict[str, Any]]:
    """Files by their names and ids, without their bytes: those are not in the export, or in the middle of its text."""
    return [_reference(file) for file in objects(files)]


def _reference(file: Mapping[str, Any]) -> dict[str, Any]:
    noted = {name: file[name] for name in FILE_FIELDS if isinstance(file.get(name), str | int | float)}
    url = noted.get("url")
    if isinstance(url, str) and url.startswith(EMBEDDED):
        kind = url[len(EMBEDDED) : 100].partition(";")[0].partition(",")[0]
        noted |= {"url": None, "embedded": kind, "characters": len(url)}
    return {
        name: value[:500] if isinstance(value, str) else value for name, value in noted.items() if value is not None
    }
