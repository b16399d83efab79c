"""`parley assistant` beside another one: it stands still while it answers, and does no harm when it wakes."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from api.assistant.account import assistant_account
from api.assistant.desk import Desk, Rules
from api.assistant.endpoint import ChatCompletions
from api.assistant.worker import Assistant, answering
from models.embedded import EmbeddedStores
from permissions.administration import Administration
from tests.api.assistant.conftest import KEY, Chat, start
from tests.api.assistant.stub import HEAD, Held, chunk, stub
from tests.api.assistant.waits import begun, half, until
from tests.api.commands import COMMAND, Parley
from tests.processes import kill_9
from tests.served import SECRET, Served

LEASE_SECONDS = 2


@contextmanager
def assistant(parley: Parley, url: str) -> Iterator[subprocess.Popen[str]]:
    """A process that answers."""
    variables = {"BASE_URL": url, "KEY": KEY, "MODEL": "one", "LEASE_SECONDS": f"{LEASE_SECONDS}"}
    environment = parley.environment | {f"PARLEY_ASSISTANT_{name}": value for name, value in variables.items()}
    process = subprocess.Popen(
        [*COMMAND, "assistant"], cwd=parley.directory, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def beside(served: Served, stores: EmbeddedStores, directory: Path) -> Parley:
    """Commands on the stores of a test."""
    database = served.services.database.db.name
    places = {"MONGODB_URI": stores.mongodb_uri, "REDIS_URL": stores.redis_url, "DATABASE": database}
    return Parley(directory, {**places, "SECRET_KEY": SECRET, "LOG_LEVEL": "error"})


async def over(chat: Chat, asked: dict[str, Any]) -> Any:
    answer = await chat.answer(asked)
    return answer if answer["state"] in {"DONE", "FAILED"} else None


async def test_one_of_two_is_killed_while_it_answers_and_what_it_began_can_be_asked_for_again(
    served: Served, stores: EmbeddedStores, tmp_path: Path
) -> None:
    services = served.services
    account = await assistant_account(Administration(services.changes, services.authentication.accounts.credentials))
    parley, alice = beside(served, stores, tmp_path), await served.as_("alice")
    async with stub() as endpoint:
        completions = ChatCompletions(endpoint.url, KEY, 1024 * 1024)
        other = Assistant(Desk(services, completions, account, Rules("two", lease_seconds=LEASE_SECONDS)))
        chat, waiting = [await start(alice, other) for _ in range(2)]
        with assistant(parley, endpoint.url) as process:
            assert process.stdout
            assert "answers by" in await asyncio.to_thread(process.stdout.readline)
            held, unsaid = half(), Held(b"")
            endpoint.will(held, unsaid)
            asked = await chat.say("half")
            await begun(chat, asked)
            not_begun = await waiting.say("nothing")
            await unsaid.said.wait()
            kill_9(process.pid)
        async with answering(other):
            first = await until(lambda: over(chat, asked))
            assert (await until(lambda: over(waiting, not_begun)))["message"]["siblingCount"] == 1
            await chat.request(asked, again=True)
            second = await until(lambda: another(chat, asked))
        await completions.aclose()
    assert (first["state"], first["message"]["content"], first["message"]["status"]) == EXPECTED[0]
    assert (second["content"], second["status"], second["siblingCount"]) == ("fine", "COMPLETE", 2)


async def another(chat: Chat, asked: dict[str, Any]) -> Any:
    """The answer that was asked for again, when it is whole."""
    answer = await over(chat, asked)
    return answer["message"] if answer and answer["state"] == "DONE" else None


async def test_one_of_two_stands_still_while_it_answers(served: Served, stores: EmbeddedStores, tmp_path: Path) -> None:
    services = served.services
    office = Administration(services.changes, services.authentication.accounts.credentials)
    account, same = await asyncio.gather(assistant_account(office), assistant_account(office))
    assert account == same
    parley, alice = beside(served, stores, tmp_path), await served.as_("alice")

    async with stub() as endpoint:
        completions = ChatCompletions(endpoint.url, KEY, 1024 * 1024)
        other = Assistant(Desk(services, completions, account, Rules("two", lease_seconds=LEASE_SECONDS)))
        chats = [await start(alice, other) for _ in range(3)]
        with assistant(parley, endpoint.url) as process:
            assert process.stdout
            assert "answers by" in await asyncio.to_thread(process.stdout.readline)
            # It falls silent after half an answer, and before a word of another.
            held, silent = Held(HEAD + chunk("half"), chunk(" and half") + chunk(finish="stop")), Held(b"")
            endpoint.will(held, silent)
            asked = [await chats[0].say("half")]
            await begun(chats[0], asked[0])
            asked.append(await chats[1].say("nothing"))
            await silent.said.wait()
            process.send_signal(signal.SIGSTOP)
            async with answering(other):
                asked.append(await chats[2].say("more"))
                ends = [await until(lambda at=at: over(chats[at], asked[at])) for at in range(3)]  # type: ignore[misc]
            process.send_signal(signal.SIGCONT)
            held.free.set()
            silent.free.set()
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 30) == 0
        await completions.aclose()
    for chat, message, end, expected in zip(chats, asked, ends, EXPECTED, strict=True):
        answer = await chat.answer(message)
        assert answer == end
        said = answer["message"]
        assert (answer["state"], said["content"], said["status"], said["siblingCount"]) == (*expected, 1)
    assert {each["model"] for each in endpoint.asked[:2]} == {"one"}
    assert {each["model"] for each in endpoint.asked[2:]} == {"two"}


EXPECTED = [("FAILED", "half", "INTERRUPTED"), ("DONE", "fine", "COMPLETE"), ("DONE", "fine", "COMPLETE")]
