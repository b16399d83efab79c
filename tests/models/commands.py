"""Listens to what is sent to MongoDB: how many commands, which ones, how large the answers."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import bson
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from models.database import Database, Record

DATA = {"find", "aggregate", "getMore", "insert", "update", "delete", "findAndModify", "count", "distinct"}


@dataclass(slots=True)
class Command:
    """A command that reads or writes data. `reply_bytes`: of the answer, as BSON."""

    name: str
    collection: str
    body: Record
    reply_bytes: int = 0

    def __str__(self) -> str:
        return f"{self.name} {self.collection}"


class Commands(CommandListener):
    """Those that a client has sent."""

    def __init__(self) -> None:
        self.sent: list[Command] = []
        self.on = True
        self._pending: dict[int, Command] = {}

    @contextmanager
    def during(self) -> Iterator[list[Command]]:
        """Those sent within the block."""
        sent: list[Command] = []
        start = len(self.sent)
        yield sent
        sent += self.sent[start:]

    def started(self, event: CommandStartedEvent) -> None:
        if self.on and event.command_name in DATA:
            body = dict(event.command)
            collection = body["collection"] if event.command_name == "getMore" else body[event.command_name]
            command = Command(event.command_name, collection, body)
            self.sent.append(command)
            self._pending[event.request_id] = command

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if command := self._pending.pop(event.request_id, None):
            command.reply_bytes = len(bson.encode(event.reply))

    def failed(self, event: CommandFailedEvent) -> None:
        self._pending.pop(event.request_id, None)


@asynccontextmanager
async def watched(database: Database, uri: str) -> AsyncIterator[tuple[AsyncDatabase[Record], Commands]]:
    """The same database through a client of its own, that is listened to."""
    commands = Commands()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        uri, timeoutMS=10_000, serverMonitoringMode="poll", event_listeners=[commands]
    )
    async with Database(client, database.db.name) as again:
        yield again.db, commands
