"""Trusted documents: registered from manifests, listed, and removed."""

from datetime import datetime
from typing import Final, Self, cast

import strawberry

from models.trusted_document import TrustedDocument
from permissions.actions import Action
from permissions.engine.facts import Resource
from permissions.guards import may
from permissions.operations import manifest
from permissions.operations.registry import Judge, OperationRegister
from permissions.resources import OPERATION
from resolvers.account.types import User
from resolvers.context import Info
from resolvers.errors import BadInputError
from resolvers.pagination import Connection, Edge, connection, page_arguments

THEM: Final = Resource(OPERATION)


@strawberry.input
class RegisterOperationsInput:
    """A manifest, all of it or nothing."""

    manifest: str = strawberry.field(
        description="JSON, as Apollo's `generate-persisted-query-manifest`, relay-compiler's `persistConfig` or "
        f"graphql-codegen's `persistedDocuments` write it: {manifest.MOST:,} documents at most."
    )
    client: str | None = strawberry.field(default=None, description="Whose they are: an application, by any word.")


@strawberry.type
class RegisterOperationsPayload:
    """What came of it."""

    registered: int = strawberry.field(description="Documents that are new.")
    known: int = strawberry.field(description="Documents that were registered already, with the same text.")


@strawberry.input
class RemoveOperationsInput:
    """Which."""

    document_ids: list[str]


@strawberry.type
class RemoveOperationsPayload:
    """What came of it. Within a second no server process runs them as trusted ones."""

    removed: int


@strawberry.type(description="A document that clients may name, instead of sending it.")
class TrustedOperation:
    """Never changed: under an id there is one text, or none."""

    by: strawberry.Private[TrustedDocument]

    document_id: str = strawberry.field(description="What clients send as `documentId`, or `sha256Hash`.")
    sha256: str = strawberry.field(description="Of the text; it may be named by this, too.")
    text: str
    name: str | None = strawberry.field(description="Of its operation.")
    client: str | None
    registered_at: datetime

    @classmethod
    def of(cls, stored: TrustedDocument) -> Self:
        """A document, as the schema shows it."""
        return cls(
            by=stored,
            document_id=stored.id,
            sha256=stored.sha256,
            text=stored.text,
            name=stored.name,
            client=stored.client,
            registered_at=stored.registered_at,
        )

    @strawberry.field(description="Null for what was registered at a terminal.")
    async def registered_by(self, info: Info) -> User | None:
        by = self.by.registered_by
        stored = await info.context.loaders.users.load(by) if by else None
        return User.of(stored) if stored else None

    @strawberry.field(description="Why it can't be run any more, since the schema or a limit has changed; else null.")
    def flaw(self, info: Info) -> str | None:
        return _judge(info).flaw(self.text)


@strawberry.type
class Mutation:
    """The register."""

    @strawberry.mutation(
        description="Trust the documents of a manifest: those that are not valid, or ask for more than may be asked "
        "for, are refused, and with them all others.",
        permission_classes=[may(Action.OPERATION_REGISTER)],
    )
    async def register_operations(self, info: Info, input: RegisterOperationsInput) -> RegisterOperationsPayload:
        context = info.context
        context.access.require(Action.OPERATION_REGISTER, THEM)
        entries = manifest.parse(input.manifest.encode(errors="replace"))
        done = await _register(info).register(entries, _judge(info), context.origin, client=input.client)
        return RegisterOperationsPayload(registered=done.added, known=done.known)

    @strawberry.mutation(description="Trust documents no more.", permission_classes=[may(Action.OPERATION_REGISTER)])
    async def remove_operations(self, info: Info, input: RemoveOperationsInput) -> RemoveOperationsPayload:
        context = info.context
        context.access.require(Action.OPERATION_REGISTER, THEM)
        if len(input.document_ids) > manifest.MOST:
            raise BadInputError("documentIds", f"may be {manifest.MOST:,} at a time")
        return RemoveOperationsPayload(removed=await _register(info).remove(input.document_ids, context.origin))


@strawberry.type
class Query:
    """Of the register."""

    @strawberry.field(
        description="The registered documents, by their ids.", permission_classes=[may(Action.OPERATION_READ)]
    )
    async def trusted_operations(
        self, info: Info, first: int | None = None, after: str | None = None
    ) -> Connection[TrustedOperation]:
        info.context.access.require(Action.OPERATION_READ, THEM)
        arguments = page_arguments(first, after)
        found = [each for each in await _register(info).all() if after is None or each.id > after]
        edges = [Edge(cursor=each.id, node=TrustedOperation.of(each)) for each in found[: arguments.size]]
        return connection(edges, has_next=len(found) > len(edges), has_previous=after is not None)


def _register(info: Info) -> OperationRegister:
    return OperationRegister(info.context.audit)


def _judge(info: Info) -> Judge:
    """The schema that is served."""
    return cast(Judge, info.schema)
