"""What a message keeps of a file that belongs to it: all that is shown of it, so that a page needs no further call."""

from typing import Any

from beanie import PydanticObjectId
from pydantic import BaseModel


class Attachment(BaseModel):
    """A file. `size` in bytes; `sha256` its digest; `media_type` what its content looked like."""

    id: PydanticObjectId
    name: str
    media_type: str
    size: int
    sha256: bytes

    def record(self) -> dict[str, Any]:
        """As it lies in its message."""
        return self.model_dump()
