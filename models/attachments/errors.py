"""What can be wrong with a file, or with attaching it.

AttachmentError
├── FileTooLargeError     over the limit
├── EmptyFileError        nothing in it
├── UnsupportedTypeError  its content is of no type that is taken
├── QuotaError            too much of this user's waits to be attached
├── UploadLostError       it was collected while it was written
└── UnattachableError     no such file of this user that waits to be attached
"""

from dataclasses import dataclass


class AttachmentError(Exception):
    """Base of them all."""


@dataclass
class FileTooLargeError(AttachmentError):
    """`limit` in bytes."""

    limit: int

    def __str__(self) -> str:
        return f"a file must not exceed {self.limit:,} bytes"


class EmptyFileError(AttachmentError):
    """Zero bytes."""

    def __str__(self) -> str:
        return "the file is empty"


class UnsupportedTypeError(AttachmentError):
    """By content, whatever its name says."""

    def __str__(self) -> str:
        return "the file's content is of no type that is accepted here"


@dataclass
class QuotaError(AttachmentError):
    """`limit` in bytes."""

    limit: int

    def __str__(self) -> str:
        return f"{self.limit:,} bytes may wait to be attached to messages; attach some, or come back later"


class UploadLostError(AttachmentError):
    """It took too long."""

    def __str__(self) -> str:
        return "the upload took too long, and was thrown away"


class UnattachableError(AttachmentError):
    """Whether it is somebody else's, or in another message, or was never there, is not told."""

    def __str__(self) -> str:
        return "no such attachment of yours that waits for a message"
