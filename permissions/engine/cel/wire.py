"""Reads Protocol Buffers' wire format, as far as parsed CEL needs it (https://protobuf.dev/programming-guides/encoding)."""

import struct
from collections import defaultdict
from typing import Any, Final

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONG: Final = 1 << 64


class Message:
    """The fields of one message by number, each as often as it came. Nested ones are read when they are asked for."""

    def __init__(self, data: bytes) -> None:
        self._fields: Final[dict[int, list[Any]]] = defaultdict(list)
        at = 0
        while at < len(data):
            key, at = _varint(data, at)
            value, at = _value(data, at, key & 7)
            self._fields[key >> 3].append(value)

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def number(self, number: int) -> int:
        """A whole number with its sign; 0 if it isn't there."""
        value: int = self._fields[number][-1] if number in self else 0
        return value - _LONG if value >= _LONG >> 1 else value

    def double(self, number: int) -> float:
        """A fraction."""
        value: float = struct.unpack("<d", self._fields[number][-1])[0]
        return value

    def data(self, number: int) -> bytes:
        """Bytes; empty if they aren't there."""
        value: bytes = self._fields[number][-1] if number in self else b""
        return value

    def text(self, number: int) -> str:
        """A string; empty if it isn't there."""
        return self.data(number).decode()

    def message(self, number: int) -> "Message":
        """A nested message; an empty one if it isn't there."""
        return Message(self.data(number))

    def messages(self, number: int) -> list["Message"]:
        """All of a repeated message."""
        return [Message(data) for data in self._fields.get(number, ())]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _value(data: bytes, at: int, wire_type: int) -> tuple[Any, int]:
    if wire_type == _VARINT:
        return _varint(data, at)
    if wire_type == _BYTES:
        size, at = _varint(data, at)
    elif wire_type in (_FIXED64, _FIXED32):
        size = 8 if wire_type == _FIXED64 else 4
    else:
        raise ValueError(f"unknown wire type {wire_type}")
    return data[at : at + size], at + size
