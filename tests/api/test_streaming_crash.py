"""The drill for answers: kill -9 workers and Redis while they are written, and add up what was taken."""

import asyncio
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.clients import Person
from tests.api.commands import SECRET, Parley
from tests.processes import kill_9

EMAIL, PASSWORD = "ann@example.org", "correct horse battery staple"
WRITERS, PIECES = 4, 25
PATIENCE_SECONDS = 120.0
BEGIN = "mutation ($input: BeginMessageInput!) { beginMessage(input: $input) { message { id } } }"
STREAM = "mutation ($input: StreamMessageInput!) { streamMessage(input: $input) { offset } }"
FINISH = "mutation ($input: FinishMessageInput!) { finishMessage(input: $input) { message { content status } } }"
NODE = "query ($id: ID!) { node(id: $id) { ... on Message { content status } } }"
ALPHABET = "abc äß終🙂\n"


@dataclass
class Writer:
    """Writes one answer, piece by piece, and goes on where it is told to."""

    client: httpx.AsyncClient
    conversation: str
    dice: random.Random
    said: str = ""
    """All that was acknowledged."""
    id: str = ""
    repeated: int = 0

    async def write(self, progress: list[int]) -> None:
        begun = await self._insist(BEGIN, conversationId=self.conversation, idempotencyKey=str(self.dice.random()))
        self.id = begun["beginMessage"]["message"]["id"]
        for _ in range(PIECES):
            piece = "".join(self.dice.choices(ALPHABET, k=self.dice.randint(1, 300)))
            again = self.said[len(self.said) - self.dice.choice((0, 0, 0, 20)) :]  # what is there is sent once more
            offset = len(self.said.encode()) - len(again.encode())
            answer = await self._insist(STREAM, messageId=self.id, offset=offset, text=again + piece)
            self.said += piece
            assert answer["streamMessage"]["offset"] == len(self.said.encode())
            progress.append(1)
        done = await self._insist(FINISH, messageId=self.id, offset=len(self.said.encode()))
        assert done["finishMessage"]["message"] == {"content": self.said, "status": "COMPLETE"}

    async def _insist(self, document: str, **input: Any) -> Any:
        """What is answered in the end. Nothing but an absence is borne: a gap would be a loss of what was taken."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                sent = {"query": document, "variables": {"input": input}}
                body = (await self.client.post("/graphql", json=sent)).json()
            except httpx.TransportError:
                body = {"errors": [{"extensions": {"code": "UNAVAILABLE"}}]}
            if "errors" not in body:
                return body["data"]
            codes = {error["extensions"]["code"] for error in body["errors"]}
            assert codes <= {"UNAVAILABLE", "RATE_LIMITED"}, body
            self.repeated += 1
            await asyncio.sleep(0.05)
        raise AssertionError("never acknowledged")


@pytest.fixture
def parley(tmp_path: Path) -> Parley:
    parley = Parley(tmp_path, {"SECRET_KEY": SECRET, "DATA_DIR": str(tmp_path / "data"), "LOG_LEVEL": "error"})
    assert parley.here("user", "create", "--email", EMAIL, typed=PASSWORD).status == 0
    return parley


async def test_a_finished_answer_is_the_sum_of_its_pieces_whoever_is_killed_meanwhile(parley: Parley) -> None:
    with parley.serve("--workers", "2") as server:
        person = Person.login(server.url, EMAIL, PASSWORD)
        progress: list[int] = []
        async with httpx.AsyncClient(base_url=person.url, headers=person.headers, timeout=10) as client:
            conversation = person.start()
            writers = [Writer(client, conversation, random.Random(number)) for number in range(WRITERS)]
            async with asyncio.TaskGroup() as tasks:
                for writer in writers:
                    tasks.create_task(writer.write(progress))
                for share, program in ((0.2, "api.worker"), (0.45, "valkey-server"), (0.7, "api.worker")):
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        while len(progress) < share * WRITERS * PIECES:  # noqa: ASYNC110 (any of them gets there)
                            await asyncio.sleep(0.005)
                    kill_9(server.started(program)[0])
        assert sum(writer.repeated for writer in writers) > 0
        for writer in writers:
            assert person.ask(NODE, id=writer.id)["node"] == {"content": writer.said, "status": "COMPLETE"}
