"""Two `parley assistant` beside a server: one is killed while it answers, and nothing is answered twice."""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from models.embedded import EmbeddedStores
from tests.api.assistant.conftest import APPEND, READ, START
from tests.api.assistant.stub import HEAD, Held, chunk, stub
from tests.api.commands import COMMAND, Parley
from tests.processes import kill_9
from tests.served import SECRET, Served

PATIENCE_SECONDS = 60


@contextlib.contextmanager
def assistants(parley: Parley, url: str, *names: str) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Some, each with a model of its own name."""
    started: dict[str, subprocess.Popen[str]] = {}
    variables = {"PARLEY_ASSISTANT_BASE_URL": url, "PARLEY_ASSISTANT_LEASE_SECONDS": "2"}
    try:
        for name in names:
            environment = {**parley.environment, **variables, "PARLEY_ASSISTANT_MODEL": name}
            started[name] = subprocess.Popen(
                [*COMMAND, "assistant"], cwd=parley.directory, env=environment, stdout=subprocess.PIPE, text=True
            )
        yield started
    finally:
        for process in started.values():
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


async def until(found: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (something := await found()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return something


async def test_one_of_two_is_killed_while_it_answers(served: Served, stores: EmbeddedStores, tmp_path: Path) -> None:
    places = {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url}
    database = served.services.database.db.name
    parley = Parley(tmp_path, {**places, "DATABASE": database, "SECRET_KEY": SECRET, "LOG_LEVEL": "error"})
    person = await served.as_("alice")

    async def ask(document: str, **variables: Any) -> Any:
        return (await person.ask(document, **variables)).data

    async def say(text: str) -> str:
        data = await ask(START, input={"answers": True})
        chat = data["startConversation"]["conversation"]["id"]
        said = await ask(APPEND, input={"conversationId": chat, "content": text})
        return str(said["appendMessage"]["message"]["id"])

    async def answer(id: str) -> Any:
        node = (await ask(READ, id=id))["node"]["answer"]
        return node if node["state"] in {"DONE", "FAILED"} else None

    async def begun(id: str) -> bool:
        node = (await ask(READ, id=id))["node"]["answer"]
        found = node["messageId"] and (await ask(READ, id=node["messageId"]))["node"]
        return bool(found and found["content"])

    async with stub() as endpoint:
        with assistants(parley, endpoint.url, "one", "two") as workers:
            for process in workers.values():
                assert process.stdout
                assert "answers by" in await asyncio.to_thread(process.stdout.readline)
            # One falls silent after half an answer, and before a word of another.
            held, silent = Held(HEAD + chunk("half")), Held(b"")
            endpoint.will(held)
            half = await say("half")
            await until(lambda: begun(half))
            victim = endpoint.asked[-1]["model"]
            (survivor,) = [process for name, process in workers.items() if name != victim]
            endpoint.will(silent, silent)
            asked = [await say(f"{number}") for number in range(2)]
            await until(lambda: asyncio.sleep(0, len(endpoint.asked) == 3))
            kill_9(workers[victim].pid)
            silent.free.set()
            asked.append(await say("more"))
            interrupted = await until(lambda: answer(half))
            assert (interrupted["state"], interrupted["reason"]) == ("FAILED", "INTERRUPTED")
            message = (await ask(READ, id=interrupted["messageId"]))["node"]
            assert (message["content"], message["status"], message["siblingCount"]) == ("half", "INTERRUPTED", 1)
            for id_ in asked:
                done = await until(lambda id_=id_: answer(id_))  # type: ignore[misc]
                message = (await ask(READ, id=done["messageId"]))["node"]
                assert (done["state"], message["content"], message["siblingCount"]) == ("DONE", "fine", 1)
            survivor.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(survivor.wait, 30) == 0
