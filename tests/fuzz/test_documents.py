"""Documents by the grammar, as the demo's people and as nobody: none makes the server fail, or tell too much."""

from itertools import cycle

import pytest

from tests.fuzz.generating import SEED, some
from tests.fuzz.grammar import Asked, documents
from tests.fuzz.judging import Judge
from tests.fuzz.schema import SCHEMA
from tests.fuzz.trials import Answer, ask, send_all
from tests.fuzz.values import Values
from tests.resolvers.chat.documents import chat
from tests.served import SECRET, Served

DOCUMENTS = 80
ALL = ("root", "admin", "sara", "alice", None)
STRANGERS = ("bob", "john", "guest", None)
CANARY = "canary-d41d8cd98f00"


@pytest.mark.parametrize("people", [ALL, STRANGERS], ids=["all roles", "strangers to a canary"])
async def test_no_document_breaks_the_server(served: Served, people: tuple[str | None, ...]) -> None:
    conversation, messages = await chat(await served.as_("alice"), 1, title=CANARY, tags=[CANARY])
    ids = (conversation, messages[0]["id"], messages[0]["branch"]["id"], str(served.people["alice"].id))
    callers = cycle([(await served.as_(who)).token if who else None for who in people])
    hidden = (CANARY,) if people is STRANGERS else ()

    async def send(asked: Asked) -> Answer:
        return await ask(served.http, Judge.here(SECRET), asked, next(callers), hidden)

    tried = await send_all(await some(documents(SCHEMA, Values(ids)), DOCUMENTS), send)
    assert not [f"seed {SEED}: {answer.faults} of {asked}" for asked, answer in tried if answer.faults]
    assert {"data", "BAD_USER_INPUT", "UNAUTHENTICATED"} <= {answer.kind for _, answer in tried}
