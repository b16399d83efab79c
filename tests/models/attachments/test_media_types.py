"""Files are known by their content."""

import gzip
import io
import zipfile

import pytest

from models.attachments.media_types import ALL_TYPES, INLINE, Sniffer, accepted


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", "a")
    return file.getvalue()


PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
OGG = b"OggS" + bytes(24)
KNOWN = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0" + bytes(60),
    "image/gif": b"GIF89a" + bytes(60),
    "image/webp": b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    "image/avif": b"\x00\x00\x00\x1cftypavif" + bytes(60),
    "audio/wav": b"RIFF\x00\x00\x00\x00WAVEfmt ",
    "audio/flac": b"fLaC" + bytes(60),
    "audio/mpeg": b"\xff\xfb\x90\x00" + bytes(60),
    "audio/mp4": b"\x00\x00\x00\x1cftypM4A " + bytes(60),
    "audio/ogg": OGG + b"OpusHead",
    "video/mp4": b"\x00\x00\x00\x1cftypisom" + bytes(60),
    "video/webm": b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm",
    "application/pdf": b"%PDF-1.7\n",
    "application/zip": zipped(),
    "application/gzip": gzip.compress(b"a"),
    "text/plain": "grüße, 世界\r\n\t".encode(),
}
TEXTS = {
    "a page": b"<!doctype html><script>alert(1)</script>",
    "a drawing with a script": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "a script": b"#!/bin/sh\nrm -rf /\n",
    "a page that begins later": b"\xef\xbb\xbf\n\n  <html>",
}
UNKNOWN = {
    "a program": b"\x7fELF\x02\x01\x01" + bytes(60),
    "a program for Windows": b"MZ\x90\x00" + bytes(60),
    "text with a NUL": b"text\x00",
    "Latin 1": "grüße".encode("latin-1"),
    "UTF-16": "<html>".encode("utf-16"),
    "half a character": "ü".encode()[:1],
    "a PDF that begins later": b"\x00\x01%PDF-1.7",
    "a program with a picture in it": b"MZ" + PNG,
    "Ogg without a codec": OGG + b"somewhat",
    "RIFF of another kind": b"RIFF\x00\x00\x00\x00ACON",
    "nearly a frame of MP3": b"\xff\xfb\xf0\x00" + bytes(60),
}


def sniffed(data: bytes, step: int = 7) -> str | None:
    """Fed in pieces."""
    sniffer = Sniffer()
    for start in range(0, len(data), step):
        sniffer.feed(data[start : start + step])
    assert not (sniffer.hopeless and sniffer.media_type())
    return sniffer.media_type()


@pytest.mark.parametrize("media_type", KNOWN)
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_what_begins_like_a_type_is_of_that_type(media_type: str, step: int) -> None:
    assert sniffed(KNOWN[media_type], step) == media_type


@pytest.mark.parametrize("data", TEXTS.values(), ids=TEXTS)
def test_markup_and_scripts_are_text(data: bytes) -> None:
    assert sniffed(data) == "text/plain"
    assert "text/plain" not in INLINE


@pytest.mark.parametrize("data", UNKNOWN.values(), ids=UNKNOWN)
def test_all_else_is_nothing(data: bytes) -> None:
    assert sniffed(data) is None


def test_text_is_read_to_its_end() -> None:
    assert sniffed(b"a" * 10_000, 100) == "text/plain"
    assert sniffed(b"a" * 10_000 + b"\x00", 100) is None
    assert sniffed(b"a" * 10_000 + b"\xff", 100) is None


def test_what_cannot_be_known_any_more_is_seen_early() -> None:
    sniffer = Sniffer()
    sniffer.feed(UNKNOWN["a program"])
    assert sniffer.hopeless


def test_a_picture_that_is_a_page_too_is_a_picture() -> None:
    assert sniffed(b"GIF89a=1;alert(1);//" + bytes(60) + b"<script>") == "image/gif"


def test_every_type_of_the_table_is_taken_unless_settings_leave_it_out() -> None:
    assert all(accepted(each, ALL_TYPES) for each in KNOWN)
    assert not accepted("video/mp4", {"image/*", "application/pdf"})
    assert not accepted("application/zip", {"application/pdf"})
