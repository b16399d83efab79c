"""The files of a base: documents of one collection each, packed."""

import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from models.backup.catalog import Chunk
from models.backup.errors import DamagedError
from models.backup.files import write
from models.backup.journal import split

CHUNK_BYTES: Final = 8 * 1024 * 1024
"""Of documents in a file, about: what a backup holds in memory."""
SAMPLE: Final = 64 * 1024
"""Bytes that tell whether packing is worth its time: pictures, sound and archives are packed already."""


def write_chunk(path: Path, number: int, collection: str, documents: list[bytes]) -> Chunk:
    """Write one; the catalog settles it."""
    plain = b"".join(documents)
    packed = zlib.compress(plain, _level(plain))
    file = f"base-{number:06}"
    write(path / file, packed)
    return Chunk(
        file=file,
        collection=collection,
        documents=len(documents),
        plain=len(plain),
        size=len(packed),
        sha256=sha256(packed).hexdigest(),
    )


def _level(plain: bytes) -> int:
    middle = len(plain) // 2
    sample = plain[middle : middle + SAMPLE]
    return 1 if len(zlib.compress(sample, 1)) < 0.9 * len(sample) else 0


def read_chunk(path: Path, chunk: Chunk) -> Iterator[bytes]:
    """Its documents. Raise `DamagedError`, before the first of them."""
    file = path / chunk.file
    try:
        packed = file.read_bytes()
    except FileNotFoundError:
        raise DamagedError(file, "is missing") from None
    if len(packed) < chunk.size:
        raise DamagedError(file, "ends too early")
    if sha256(packed).hexdigest() != chunk.sha256:
        raise DamagedError(file, "is damaged")
    documents = list(split(zlib.decompress(packed)))
    if len(documents) != chunk.documents:
        raise DamagedError(file, "is damaged")
    return iter(documents)
