"""`multipart/form-data` with one file in it (RFC 7578), read as it comes; python-multipart does the scanning."""

from collections.abc import Iterator
from typing import Final

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

HEADER_BYTES: Final = 4 * 1024
"""Longest header line of a part."""
HEADERS: Final = 8
BOUNDARY: Final = 70
"""Longest boundary (RFC 2046, 5.1.1)."""
FIELD: Final = "file"


class MultipartError(Exception):
    """Its text says what is wrong with the body."""


class OneFile:
    """Is fed a body, and gives the bytes of the file in it. `name` is what the client calls it, unchecked."""

    def __init__(self, content_type: str) -> None:
        """Raises `MultipartError`."""
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= BOUNDARY:
            raise MultipartError("the body must be `multipart/form-data`, with a boundary")
        self.name = ""
        self._begun = self._ended = False
        self._data: list[bytes] = []
        self._field, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._check_headers,
                "on_part_data": self._part_data,
                "on_end": self._end,
            },
            max_header_count=HEADERS,
            max_header_size=HEADER_BYTES,
        )

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The file's bytes in `data`. Raises `MultipartError`."""
        if self._ended:  # RFC 2046 allows whatever words after the end, which mean nothing
            return
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise MultipartError("the body is not `multipart/form-data`") from error
        found, self._data = self._data, []
        yield from found

    def close(self) -> None:
        """The body has ended. Raises `MultipartError` unless the file has, too."""
        if not self._begun:
            raise MultipartError(f"the body has no part `{FIELD}`")
        if not self._ended:
            raise MultipartError("the body ends in the middle of the file")

    def _begin(self) -> None:
        if self._begun:
            raise MultipartError("the body must have one part and no more")
        self._begun = True

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._headers.setdefault(self._field.lower(), self._value) is not self._value:
            raise MultipartError("a part's header is there twice")
        self._field, self._value = b"", b""

    def _check_headers(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b"").decode("latin-1"))
        if kind != b"form-data" or options.get(b"name") != FIELD.encode() or b"filename" not in options:
            raise MultipartError(f"the body's part must be a file called `{FIELD}`")
        if self._headers.get(b"content-transfer-encoding", b"binary").lower() not in {b"binary", b"8bit", b"7bit"}:
            raise MultipartError("the file must be sent as it is, not encoded")
        self.name = options[b"filename"].decode(errors="replace")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def _end(self) -> None:
        self._ended = True
