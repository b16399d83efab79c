"""What is asked most is compiled, and nothing of it is a surprise: else it would be slow again, and nobody see it."""

from typing import Any

import pytest

from api.compiler.compiled import Compiled
from tests.resolvers.chat.documents import APPEND, chat
from tests.served import Served

DETAILS = """
query ($id: ID!, $last: Int) {
  conversation(id: $id) {
    id title tags archived startedAt updatedAt messageCount viewerPermissions owner { id displayName }
    messages(last: $last) {
      edges {
        cursor
        node {
          id depth role content createdAt status siblingCount siblingIndex deletedAt contentLength
          author { id } branch { id name: id } parent { id } metadata { llmModel tokensUsed } attachments { id }
        }
      }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}"""
LIST = "query ($first: Int) { conversations(first: $first) { edges { node { id title } } pageInfo { hasNextPage } } }"


@pytest.mark.parametrize("document", ["{ me { id email displayName } }", LIST, DETAILS, APPEND])
async def test_what_is_asked_most_needs_no_graphql_core(
    served: Served, monkeypatch: pytest.MonkeyPatch, document: str
) -> None:
    alice = await served.as_("alice")
    conversation, _ = await chat(alice, 3)
    given = {"id": conversation, "last": 2, "first": 2, "input": {"conversationId": conversation, "content": "more"}}
    declared: dict[str, Any] = {name: value for name, value in given.items() if f"${name}:" in document}
    for _ in range(4):
        assert (await alice.ask(document, **declared)).data
    surprises: list[Compiled] = []

    def surprised(self: Compiled, *args: Any) -> Any:
        surprises.append(self)
        raise AssertionError("graphql-core is asked")

    monkeypatch.setattr(Compiled, "executor", surprised)
    monkeypatch.setattr(Compiled, "_by_core", surprised)
    assert (await alice.ask(document, **declared)).data
    assert surprises == []
