"""Where documents are judged that nobody has sent before: the long ones beside the event loop, in one thread.

To read a document within the limits and to judge it takes up to 60 ms of the processor, in which nothing else would be
done. In a thread it takes turns with the loop, and lets who asks for little go first: to take the interpreter back from
it costs the loop half a millisecond each time. Of each asker one document is in its queue.
"""

import asyncio
from functools import partial
from typing import Final

from graphql import DocumentNode, GraphQLError, GraphQLSchema

from api.documents.judging import flaws, read, suggests
from api.documents.limits import DocumentLimits
from api.documents.parsing import Step
from models.tree.precedence import Pace
from permissions.authn.addresses import subscriber
from permissions.engine.facts import Id
from permissions.errors import BusyError
from permissions.turns import Turns
from resolvers.context import Context
from resolvers.errors import TooFastError

SHORT: Final = 500
"""Characters of a document that is judged where it is asked for: a few ms at worst."""
CHARACTERS: Final = 4
"""Of a document that is judged; so many count as an object, which is what they take of the processor at worst: 2,000
tokens of 6,500 characters took 17 to 39 ms, and a thousand objects take some ten."""
STEPS: Final = 50
"""Tokens or nodes, after which it is looked whether somebody should go first: half a millisecond."""
AGAIN_SECONDS: Final = 5
"""After which one may come back whose document found no turn."""

Judged = tuple[DocumentNode, list[GraphQLError]]
"""A document, and what is wrong with it."""


class Bench:
    """One a schema."""

    def __init__(self, turns: Turns | None = None) -> None:
        self._turns: Final = turns or Turns()

    async def judge(self, schema: GraphQLSchema, text: str, asker: object, limits: DocumentLimits) -> Judged:
        """Raise `GraphQLError` where it can't be read, `TooFastError` where too many are being judged.

        `asker` is the context of an operation, or None.
        """
        suggest = suggests(asker, limits)
        if len(text) > SHORT:
            return await self._beside(name_of(asker), partial(_judged, schema, text, limits, suggest, _pace(asker)))
        document = read(text, limits)
        await _let_pass(asker)  # to read one takes a few ms, and to judge it takes as long
        return document, flaws(schema, document, limits, suggest=suggest)

    async def _beside(self, asker: Id, work: partial[Judged]) -> Judged:
        try:
            return await self._turns.take(asker, work)
        except BusyError:
            reason = f"too many documents are being judged that were not sent before: come back in {AGAIN_SECONDS} s"
            raise TooFastError(reason, AGAIN_SECONDS) from None


def _judged(schema: GraphQLSchema, text: str, limits: DocumentLimits, suggest: bool, pace: Step | None) -> Judged:
    document = read(text, limits, pace)
    return document, flaws(schema, document, limits, suggest=suggest, step=pace)


async def _let_pass(asker: object) -> None:
    """Others; before all who ask for little."""
    await asyncio.sleep(0)
    if isinstance(asker, Context):
        await asker.tree.precedence.give_way()


def _pace(asker: object) -> Pace | None:
    return Pace(asker.tree.precedence, STEPS) if isinstance(asker, Context) else None


def price_of(text: str) -> int:
    """What it costs to judge a document; of short ones it is part of what anything costs."""
    return len(text) // CHARACTERS if len(text) > SHORT else 0


async def pay(asker: object, text: str) -> int:
    """Have it counted that a document is judged, and give how much that was.

    Raise as `Context.charge`. It comes first: what is wrong with a document costs as much to find as it is long, and
    who paid afterwards would have any number judged that he can't pay for.
    """
    price = price_of(text)
    if price and isinstance(asker, Context):
        await asker.charge(price)
    return price


def name_of(asker: object) -> Id:
    """Who waits for himself: an account, or all at one subscriber's address who are none."""
    if not isinstance(asker, Context):
        return ""
    return asker.principal.user_id if asker.principal is not None else f"nobody at {subscriber(asker.client.ip)}"
