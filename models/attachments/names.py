"""File names, made harmless: they come from clients, and go into headers, pages and other people's folders."""

import re
import unicodedata
from typing import Final

LENGTH: Final = 150
"""Longest name, in characters."""
BYTES: Final = 240
"""Longest name, as UTF-8: file systems stop at 255."""
UNNAMED: Final = "file"
EXTENSION: Final = 16
_SEPARATORS: Final = re.compile(r"[/\\]")
_RESERVED: Final = re.compile(r'[<>:"|?*]')
_DEVICE: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def file_name(given: str) -> str:
    """`given` without paths, control characters, line ends and marks that turn the direction of writing, cut to length.

    Unicode's categories C* (control, format, unassigned, halves of surrogate pairs), Zl and Zp are dropped.
    """
    last = _SEPARATORS.split(given[: 16 * LENGTH])[-1]
    shown = (char if char != "\t" else " " for char in unicodedata.normalize("NFC", last))
    visible = "".join(char for char in shown if unicodedata.category(char) not in {"Zl", "Zp"} and not _unseen(char))
    name = " ".join(_RESERVED.sub("_", visible).split()).strip(" .")
    if _DEVICE.fullmatch(name):
        name = f"_{name}"
    return _cut(name) or UNNAMED


def _unseen(char: str) -> bool:
    return unicodedata.category(char).startswith("C")


def _cut(name: str) -> str:
    """Cut before the extension, if it has one of ordinary length."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or len(extension) > EXTENSION:
        stem, dot, extension = name, "", ""
    end = f"{dot}{extension}"
    stem = stem[: LENGTH - len(end)].encode()[: BYTES - len(end.encode())].decode(errors="ignore")
    return f"{stem.rstrip(' .')}{end}"
