"""Fixtures: an assistant that answers when a test lets it, by an endpoint that does as it is told."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from api.assistant.account import NAME, assistant_account
from api.assistant.desk import Desk, Rules
from api.assistant.endpoint import ChatCompletions
from api.assistant.worker import Assistant
from models.clock import now
from models.user import User
from permissions.administration import Administration
from tests.api.assistant.stub import Stub, stub
from tests.served import Caller, Served

ANSWER = "answer { state reason tries number messageId }"
MESSAGE = f"id role content status depth siblingCount author {{ displayName }} {ANSWER}"
APPEND = f"mutation ($input: AppendMessageInput!) {{ appendMessage(input: $input) {{ message {{ {MESSAGE} }} }} }}"
START = (
    "mutation ($input: StartConversationInput!) { startConversation(input: $input) { conversation { id answers } } }"
)
REQUEST = f"""mutation ($id: ID!, $again: Boolean) {{
  requestAnswer(input: {{messageId: $id, regenerate: $again}}) {{ {ANSWER} message {{ id }} }} }}"""
CANCEL = f"mutation ($id: ID!) {{ cancelAnswer(input: {{messageId: $id}}) {{ {ANSWER} }} }}"
READ = f"""query ($id: ID!) {{ node(id: $id) {{ ... on Message {{ {MESSAGE}
  metadata {{ llmModel tokensUsed latencyMs }} }} }} }}"""
PATH = """query ($id: ID!) { conversation(id: $id) { chosenBranch { id }
  messages(last: 50) { edges { node { id role content status } } } } }"""
SHARE = "mutation ($input: ShareConversationInput!) { shareConversation(input: $input) { conversation { id } } }"
KEY = "sk-nobody-may-see-it"


@dataclass
class Chat:
    """Somebody, and a conversation of his."""

    caller: Caller
    id: str
    assistant: Assistant

    async def say(self, content: str, **more: Any) -> dict[str, Any]:
        sent = {"conversationId": self.id, "content": content, **more}
        message: dict[str, Any] = (await self.caller.ask(APPEND, input=sent)).data["appendMessage"]["message"]
        return message

    async def request(self, message: dict[str, Any], *, again: bool = False) -> dict[str, Any]:
        answer = await self.caller.ask(REQUEST, id=message["id"], again=again)
        asked: dict[str, Any] = answer.data["requestAnswer"]["answer"]
        return asked

    async def cancel(self, message: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.caller.ask(CANCEL, id=message["id"])).data["cancelAnswer"]["answer"]
        return answer

    async def read(self, id: str) -> dict[str, Any]:
        message: dict[str, Any] = (await self.caller.ask(READ, id=id)).data["node"]
        return message

    async def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """What became of the request, and the message if there is one."""
        request = (await self.read(message["id"]))["answer"]
        found = await self.read(request["messageId"]) if request and request["messageId"] else None
        return {**request, "message": found}

    async def settled(self, message: dict[str, Any]) -> dict[str, Any]:
        """The same, when all that may be answered now is."""
        await self.assistant.idle()
        return await self.answer(message)

    async def path(self) -> list[tuple[str, str]]:
        page = (await self.caller.ask(PATH, id=self.id)).data["conversation"]["messages"]["edges"]
        return [(each["node"]["role"], each["node"]["content"]) for each in page]


async def start(caller: Caller, assistant: Assistant, *, answers: bool = True) -> Chat:
    """A conversation."""
    data = (await caller.ask(START, input={"answers": answers})).data["startConversation"]["conversation"]
    return Chat(caller, data["id"], assistant)


@dataclass
class World:
    """The server, the endpoint, and who answers by it."""

    served: Served
    stub: Stub
    assistant: Assistant

    async def chat(self, name: str = "alice", *, answers: bool = False) -> Chat:
        return await start(await self.served.as_(name), self.assistant, answers=answers)

    def another(self, **rules: Any) -> Assistant:
        """Another worker beside it, by other rules."""
        return Assistant(replace(self.desk, rules=replace(self.desk.rules, **rules)))

    @property
    def desk(self) -> Desk:
        return self.assistant.desk

    async def answered(self) -> None:
        """All that may be answered now is."""
        await self.assistant.idle()


@pytest.fixture
async def world(served: Served) -> AsyncIterator[World]:
    # As `create_service` makes it, without the hash of a password that nobody knows.
    user = User(email=NAME, email_key=NAME, display_name=NAME, name_key=NAME, password_hash="", created_at=now())
    await user.insert()
    services = served.services
    account = await assistant_account(Administration(services.changes, services.authentication.accounts.credentials))
    async with stub() as endpoint:
        completions = ChatCompletions(endpoint.url, KEY, 8 * 1024 * 1024)
        rules = Rules("m-0", answer_bytes=64 * 1024, backoff_seconds=0.0, pause_seconds=0.0)
        yield World(served, endpoint, Assistant(Desk(services, completions, account, rules)))
        await completions.aclose()
