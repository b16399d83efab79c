"""Which text a request stands for, and whether that may be run: before anything of it is parsed or executed."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from graphql import BREAK, DocumentNode, GraphQLError, Node, Visitor, VisitorAction, visit
from redis.asyncio import Redis

from api.documents.limits import DocumentLimits
from api.errors import UNAVAILABLE, publish
from api.persisted.automatic import ApqLimits, AutomaticQueries
from api.persisted.catalog import Catalog
from api.persisted.errors import MISMATCH, NOT_FOUND, NOT_SUPPORTED, UNTRUSTED
from api.persisted.references import Reference, reference
from permissions.access import Access
from permissions.actions import Action
from permissions.engine.facts import Resource
from permissions.operations.manifest import digest
from permissions.operations.registry import OperationRegister
from permissions.resources import OPERATION
from resolvers.context import Context
from resolvers.errors import TooFastError

LOOKED_FOR: Final = 1
"""What is counted for a document that isn't there, as `resolvers.context.Context.spend` does."""


class Sounding(Protocol):
    """The schema."""

    @property
    def limits(self) -> DocumentLimits:
        """Of documents."""

    def sound(self, text: str) -> DocumentNode:
        """The document, if it is valid and within the limits. Raise `GraphQLError` where it isn't."""

    async def judge(self, text: str, asker: object) -> list[GraphQLError]:
        """What is wrong with a long document that is not remembered; then it is."""


@dataclass(frozen=True, slots=True)
class PersistedSettings:
    """With `only_trusted` what isn't registered is run for nobody but who may `operation:run_any`."""

    only_trusted: bool = False
    apq: ApqLimits = field(default_factory=ApqLimits)


class PersistedOperations:
    """One a worker."""

    def __init__(self, register: OperationRegister, redis: Redis, settings: PersistedSettings) -> None:
        self.catalog: Final = Catalog(register)
        self._settings: Final = settings
        self._automatic: Final = AutomaticQueries(redis, settings.apq) if settings.apq.seconds else None

    def are_texts(self, document_id: object, extensions: Mapping[str, Any] | None) -> bool:
        """Whether what is run is what was sent: nothing else is named, and nobody asks whether it is trusted."""
        return document_id is None and not extensions and not self._settings.only_trusted

    async def text(
        self,
        query: str | None,
        document_id: object,
        extensions: Mapping[str, Any] | None,
        context: Context,
        schema: Sounding,
    ) -> str | None:
        """What is to be run, by the limits of any document; None where nothing was asked.

        Raise `GraphQLError` where that isn't known, isn't what was named, isn't trusted and has to be, or comes too
        often. Raise `PyMongoError` where that can't be told; without Redis only trusted documents can be named.
        """
        try:
            if context.allowance is not None:
                context.allowance.require(context.access)
            return await self._found(query, reference(document_id, extensions), context, schema)
        except TooFastError as error:
            raise _too_fast(error) from error
        except GraphQLError:
            await _count(context)
            raise

    async def _found(
        self, query: str | None, named: Reference | None, context: Context, schema: Sounding
    ) -> str | None:
        if query is not None and len(query) > schema.limits.characters:
            return query  # it is refused as too long: not even a hash is made of it
        if named is None:
            if query is not None and self._settings.only_trusted:
                await self._require_trusted(query, context)
            return query
        trusted = (await self.catalog.trusted()).texts.get(named.id)
        if not query:
            return trusted if trusted is not None else await self._left(named, context)
        if trusted is None:
            await self._sent(query, named, context, schema)
        elif query != trusted:
            raise MISMATCH.error()
        return query

    async def _require_trusted(self, query: str, context: Context) -> None:
        if digest(query) in (await self.catalog.trusted()).digests:
            return
        access = await _access(context)
        if not _may_run_any(access):
            context.access.note(access.consider(Action.OPERATION_RUN_ANY, Resource(OPERATION)))
            raise UNTRUSTED.error()

    async def _left(self, reference: Reference, context: Context) -> str:
        """What some client has sent before. Nobody is told whether there is any, or what he may not run."""
        if self._automatic is None:
            unknown = reference.automatic and not self._settings.only_trusted
            raise NOT_SUPPORTED.error() if unknown else NOT_FOUND.error()
        found: str | None = None
        if reference.is_hash and self._may_share(await _access(context)):
            found = await self._automatic.find(reference.id)
        if found is None:
            raise NOT_FOUND.error()
        return found

    async def _sent(self, query: str, reference: Reference, context: Context, schema: Sounding) -> None:
        """A text with its hash is kept, if it is sound and holds nothing that is somebody's own."""
        if not reference.is_hash or digest(query) != reference.id:
            raise MISMATCH.error()
        if self._settings.only_trusted:
            await self._require_trusted(query, context)
        access = await _access(context)
        if self._automatic is None or access.subject is None or not self._may_share(access):
            return
        if await schema.judge(query, context):
            return
        try:
            document = schema.sound(query)
        except (GraphQLError, RecursionError):
            return
        if not _holds_texts(document):
            await self._automatic.keep(query, access.subject.id)

    def _may_share(self, access: Access) -> bool:
        return access.subject is not None and (not self._settings.only_trusted or _may_run_any(access))


async def _count(context: Context) -> None:
    """What is refused is looked for all the same, and is no way round what one may do in a minute."""
    try:
        with suppress(*UNAVAILABLE):
            await context.spend(LOOKED_FOR)
        await context.pay(forgo=True)
        await context.settle()
    except TooFastError as error:
        raise _too_fast(error) from error


def _too_fast(error: TooFastError) -> GraphQLError:
    refusal = GraphQLError(str(error), original_error=error)
    publish(refusal)
    return refusal


async def _access(context: Context) -> Access:
    """What he may as of now, though his socket be old."""
    return await context.judged() if context.socket else context.access


def _may_run_any(access: Access) -> bool:
    return access.subject is not None and bool(access.consider(Action.OPERATION_RUN_ANY, Resource(OPERATION)))


class _Texts(Visitor):
    found = False

    def enter_string_value(self, node: Node, *_: object) -> VisitorAction:
        self.found = True
        return BREAK


def _holds_texts(document: DocumentNode) -> bool:
    """Whether a value is written into it: it is no use to others, and may be a password, which a guess would find."""
    texts = _Texts()
    visit(document, texts)
    return texts.found
