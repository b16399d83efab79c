"""Reads files of whole conversations: a JSON list of them, one record at a time, each refused for itself."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from models.transfer.errors import Refusal, UnreadableFileError
from models.transfer.parsing import Members, Unreadable, parse
from models.transfer.records import CutShortError, NotAListError, Piece, TrailingTextError


@dataclass(frozen=True, slots=True)
class Found:
    """A record that is JSON, and where it stands. `repeated`: ids that came twice among its members."""

    where: str
    value: Any
    repeated: tuple[str, ...]


def conversations(name: str, pieces: Iterable[Piece], members: Members, otherwise: str) -> Iterator[Found | Refusal]:
    """The records of the file called `name`; raises `UnreadableFileError` with `otherwise` where it is no list."""
    number = 0
    try:
        for record in parse(pieces, members):
            if record is not None:
                number += 1
                where = f"{name}, conversation {number}"
                if isinstance(record, Unreadable):
                    yield Refusal(where, record.reason)
                else:
                    yield Found(where, record.value, record.repeated)
            del record  # or else it is held while the next one is read
    except NotAListError:
        raise UnreadableFileError(name, otherwise) from None
    except CutShortError:
        yield Refusal(f"{name}, conversation {number + 1}", "the file ends in the middle of it")
    except TrailingTextError:
        yield Refusal(name, f"there is more text after the list of conversations, which ended with number {number}")


def named(where: str, *ids: object) -> str:
    """`where`, with the first of `ids` that is one. Titles are no ids: they tell what was talked about."""
    found = next((each for each in ids if isinstance(each, str) and each), None)
    return f"{where} ({found[:80]})" if found else where
