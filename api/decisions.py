"""What was decided is written down before the answer goes out, over HTTP and over sockets."""

from collections.abc import Iterable, Iterator
from typing import Any

from permissions.engine.decision import Decision
from permissions.errors import EscalationError
from resolvers.context import Context


async def settle(
    context: Context, errors: Iterable[Any] | None, *, counted: bool = True, changing: bool = False
) -> None:
    """Have written down what was decided, and by what `errors` were. Raise `PyMongoError` if that can't be.

    Raise `TooFastError` where the caller was denied more than he may have written down: that stands in place of his
    answer. What may have changed something is answered all the same. What happens to a listener is not his doing, and
    not `counted`.
    """
    if counted:
        await count(context, errors, changing=changing)
    else:
        _note(context, errors)
    await context.settle()


async def count(context: Context, errors: Iterable[Any] | None, *, changing: bool = False) -> None:
    """Have the caller pay for what he was denied; the rest as `settle`, which may then be tried again and again."""
    _note(context, errors)
    await context.pay(forgo=not changing)


def _note(context: Context, errors: Iterable[Any] | None) -> None:
    for decision in _refusals(errors or ()):
        context.access.note(decision)


def _refusals(errors: Iterable[Any]) -> Iterator[Decision]:
    """The decisions by which changes of permissions were refused: those are not taken by `Access`."""
    for error in errors:
        cause = getattr(error, "original_error", None)
        if isinstance(cause, EscalationError):
            yield cause.decision
