"""Somebody who uses a running server over HTTP."""

from dataclasses import dataclass
from typing import Any, Self

import httpx

from api.demo_world import PASSWORD

LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }"
START = "mutation { startConversation(input: {}) { conversation { id } } }"
APPEND = "mutation ($input: AppendMessageInput!) { appendMessage(input: $input) { message { id } } }"


PATIENCE_SECONDS = 60
"""Far more than anything takes, on a busy machine too: what it takes is for the benchmarks."""


@dataclass(frozen=True)
class Person:
    """Signed in. Every request has a connection of its own, so that any worker may answer it."""

    url: str
    token: str

    @classmethod
    def login(cls, url: str, email: str, password: str = PASSWORD) -> Self:
        data = ask(url, {}, LOGIN, input={"email": email, "password": password})
        return cls(url, data["login"]["accessToken"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def ask(self, query: str, **variables: Any) -> Any:
        return ask(self.url, self.headers, query, **variables)

    def start(self) -> str:
        """A conversation's id."""
        return str(self.ask(START)["startConversation"]["conversation"]["id"])

    def append(self, conversation_id: str, content: str) -> str:
        """A message's id; the content is its idempotency key too."""
        sent = {"conversationId": conversation_id, "content": content, "idempotencyKey": content}
        return str(self.ask(APPEND, input=sent)["appendMessage"]["message"]["id"])


def ask(url: str, headers: dict[str, str], query: str, **variables: Any) -> Any:
    """`data`, which must have come without errors."""
    sent = {"query": query, "variables": variables}
    # Loading the certificates of the world's authorities, to no use here, would take most of the time.
    answer = httpx.post(f"{url}/graphql", json=sent, headers=headers, timeout=PATIENCE_SECONDS, verify=False).json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"]
