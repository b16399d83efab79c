"""Opening the file."""

import bz2
import gzip
import json
import lzma
import struct
import zipfile
from pathlib import Path

import pytest

from models.transfer.errors import Refusal, UnknownFormatError, UnreadableFileError
from models.transfer.importing import Intake
from models.transfer.source import DIRECTORY
from models.tree.draft import TreeLimits
from tests.models.transfer.exports import conversation, node

EXPORT = json.dumps([conversation(node("a", None))]).encode()


def _titles(path: Path, format_name: str = "chatgpt") -> list[str | None]:
    with Intake(path, format_name, TreeLimits()) as intake:
        return [item.reason if isinstance(item, Refusal) else item.title for item in intake]


@pytest.mark.parametrize(("content", "reason"), [
    (b"", "is empty"),
    (gzip.compress(EXPORT), "is compressed with gzip: unpack it first"),
    (bz2.compress(EXPORT), "is compressed with bzip2: unpack it first"),
    (lzma.compress(EXPORT), "is compressed with xz: unpack it first"),
    (EXPORT.decode().encode("utf-16"), "is UTF-16 text: save it as UTF-8"),
    (b"PK\x03\x04 and no more", "is a damaged zip archive: download it again"),
])  # fmt: skip
def test_a_file_that_is_no_export_is_one_clear_error(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError) as caught:
        _titles(path)
    assert str(caught.value) == f"`{path}` {reason}"


def test_a_missing_file_and_a_directory_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="does not exist"):
        _titles(tmp_path / "none")
    with pytest.raises(UnreadableFileError, match="is a directory"):
        _titles(tmp_path)


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormatError, match="unknown format `claude`, known are chatgpt, librechat, "):
        _titles(tmp_path, "claude")


def test_a_byte_order_mark_and_windows_line_ends_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_bytes(b"\xef\xbb\xbf\r\n" + EXPORT.replace(b", ", b",\r\n"))
    assert _titles(path) == ["A talk"]


def test_the_export_may_still_be_in_its_zip(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("chat.html", "<html>")
        archive.writestr("shared_conversations.json", "[]")
        archive.writestr("conversations-001.json", json.dumps([conversation(node("b", None), title="second")]))
        archive.writestr("conversations-000.json", json.dumps([conversation(node("a", None), title="first")]))
    assert _titles(path) == ["first", "second"]


def test_a_zip_without_conversations_and_one_for_oasst_are_clear_errors(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("chat.html", "<html>")
    with pytest.raises(UnreadableFileError, match=r"holds no `conversations\.json`"):
        _titles(path)
    with pytest.raises(UnreadableFileError, match="is a zip archive: unpack it first"):
        _titles(path, "oasst")


def test_an_archive_that_lists_millions_of_files_takes_no_memory(tmp_path: Path) -> None:
    """Each is a kilobyte once it is read."""
    path = tmp_path / "f.zip"
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *[0] * 9, 18, *[0] * 6) + b"conversations.json"
    number = DIRECTORY // len(entry) + 1
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, number % 65_536, number % 65_536, number * len(entry), 4, 0)
    path.write_bytes(b"PK\x03\x04" + entry * number + end)
    with pytest.raises(UnreadableFileError, match="too many files"):
        _titles(path)


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("conversations.json", b"[" + b" " * 3_000_000)
    with pytest.raises(UnreadableFileError, match="unpacks to more than 200 times"):
        _titles(path)


def test_an_archive_under_a_password_says_so(tmp_path: Path) -> None:
    path = tmp_path / "f.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations.json", EXPORT)
    data = bytearray(path.read_bytes())
    data[6] |= 1  # its flags, here and in the list
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(UnreadableFileError, match="is encrypted"):
        _titles(path)
