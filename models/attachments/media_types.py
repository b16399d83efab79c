"""What a file is, by its content: the name and the type that a client gives it prove nothing.

A table of our own: the types that are taken are few, each begins with bytes of its own at a fixed place, and what is
in no row is refused. Libraries that guess among a thousand formats look for signatures inside of files too, which is
what files of two kinds live by.
"""

import codecs
import re
from collections.abc import Callable, Collection
from typing import Final

HEAD: Final = 64
"""Bytes of the beginning by which a file is known."""

TEXT: Final = "text/plain"
"""HTML, SVG, scripts and the like are text here, and never served as anything else."""

ALL_TYPES: Final = frozenset(
    {"image/*", "audio/*", "video/*", "application/pdf", "application/zip", "application/gzip", TEXT}
)
"""All there are in the table."""

_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")

_PREFIXES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_BRANDS: Final = {b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"avif": "image/avif"}
_MP4: Final = frozenset({b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"dash"})
_OGG: Final = (b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   ")

INLINE: Final = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"),
        *("audio/flac", "audio/mpeg", "audio/wav", "audio/mp4", "audio/ogg", "video/mp4", "video/webm"),
    }
)
"""What a browser shows without running anything: the others are only ever downloaded. PDFs may hold scripts."""


def _riff(head: bytes) -> str | None:
    return _RIFF.get(head[8:12]) if head.startswith(b"RIFF") else None


def _mp4(head: bytes) -> str | None:
    if head[4:8] != b"ftyp":
        return None
    return _BRANDS.get(head[8:12]) or ("video/mp4" if head[8:12] in _MP4 else None)


def _ogg(head: bytes) -> str | None:
    return "audio/ogg" if head.startswith(b"OggS") and any(head[28:].startswith(codec) for codec in _OGG) else None


def _webm(head: bytes) -> str | None:
    return "video/webm" if head.startswith(b"\x1a\x45\xdf\xa3") and b"webm" in head else None


def _mp3(head: bytes) -> str | None:
    """A frame of MPEG layer III without a tag before it: version, bit rate and sampling rate that exist."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or head[1] & 0x18 == 0x08:
        return None
    return "audio/mpeg" if head[2] >> 4 not in {0, 15} and head[2] >> 2 & 3 != 3 else None


_SHAPES: Final[tuple[Callable[[bytes], str | None], ...]] = (_riff, _mp4, _ogg, _webm, _mp3)


def of_head(head: bytes) -> str | None:
    """The type of a file that begins with `head`, its first `HEAD` bytes; None for text, and for what isn't known."""
    for prefix, media_type in _PREFIXES:
        if head.startswith(prefix):
            return media_type
    return next((found for shape in _SHAPES if (found := shape(head))), None)


class Sniffer:
    """Is fed a file, piece by piece, and says what it is."""

    def __init__(self) -> None:
        self._head = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = True

    def feed(self, data: bytes) -> None:
        """The next piece."""
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        if self._text and not (len(self._head) >= HEAD and of_head(self._head)):
            self._text = self._reads(data)

    @property
    def hopeless(self) -> bool:
        """Whether nothing that comes could make it a type that is known."""
        return not self._text and len(self._head) >= HEAD and of_head(self._head) is None

    def media_type(self) -> str | None:
        """What it was, at its end."""
        if found := of_head(self._head):
            return found
        return TEXT if self._text and self._reads(b"", final=True) else None

    def _reads(self, data: bytes, *, final: bool = False) -> bool:
        """Whether it goes on as UTF-8 without control characters."""
        try:
            self._decoder.decode(data, final)
        except UnicodeDecodeError:
            return False
        return _CONTROL.search(data) is None


def accepted(media_type: str, patterns: Collection[str]) -> bool:
    """Whether `patterns` (`image/*`, `application/pdf`) have it."""
    return media_type in patterns or f"{media_type.partition('/')[0]}/*" in patterns
