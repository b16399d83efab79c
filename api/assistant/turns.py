"""Whose turn it is: who asks for much doesn't have others wait."""

from collections import Counter
from collections.abc import Mapping

from beanie import PydanticObjectId


def share(places: int) -> int:
    """How many of a worker's places one who asks may have at a time: half of them, so that there is room for others."""
    return (places + 1) // 2


def next_turn(waiting: Mapping[str, PydanticObjectId], served: Counter[PydanticObjectId], most: int) -> str | None:
    """Of `waiting`, who asked by request, the first one of whoever has the fewest being answered; none has over `most`.

    None where nobody may have one more.
    """
    open_ = [id_ for id_, asker in waiting.items() if served[asker] < most]
    return min(open_, key=lambda id_: served[waiting[id_]], default=None)
