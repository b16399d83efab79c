"""The documents that the tests send, and shorthands to read their answers."""

from typing import Any

from tests.served import Answer, Caller

START = """
mutation ($input: StartConversationInput!) {
  startConversation(input: $input) { conversation { id title tags attributes messageCount branchCount } }
}"""
APPEND = """
mutation ($input: AppendMessageInput!) {
  appendMessage(input: $input) {
    message { id depth role content siblingCount siblingIndex branch { id } parent { id } author { displayName } }
  }
}"""
EDIT = """
mutation ($input: EditMessageInput!) {
  editMessage(input: $input) { message { id content siblingCount siblingIndex editedFrom { id } branch { id } } }
}"""
PAGE = """
query ($id: ID!, $branch: ID, $first: Int, $after: String, $last: Int, $before: String) {
  conversation(id: $id) {
    messages(branch: $branch, first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { id depth content siblingCount siblingIndex } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}"""
LIST = """
query ($first: Int, $after: String, $last: Int, $before: String, $filter: ConversationFilter, $by: ConversationOrder) {
  conversations(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $by) {
    edges { cursor node { id title } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""


async def start(caller: Caller, **input: Any) -> str:
    """A new conversation's id."""
    conversation: str = (await caller.ask(START, input=input)).data["startConversation"]["conversation"]["id"]
    return conversation


async def append(caller: Caller, conversation: str, content: str, **more: Any) -> dict[str, Any]:
    """A new message."""
    answer = await caller.ask(APPEND, input={"conversationId": conversation, "content": content, **more})
    message: dict[str, Any] = answer.data["appendMessage"]["message"]
    return message


async def chat(caller: Caller, length: int, **input: Any) -> tuple[str, list[dict[str, Any]]]:
    """A conversation with messages m0, m1, …"""
    conversation = await start(caller, **input)
    return conversation, [await append(caller, conversation, f"m{number}") for number in range(length)]


def nodes(connection: Any) -> list[Any]:
    """A connection's entries."""
    return [edge["node"] for edge in connection["edges"]]


def page(answer: Answer) -> Any:
    """The connection that PAGE asks for."""
    return answer.data["conversation"]["messages"]


def contents(answer: Answer) -> list[str]:
    """What the messages on a page say."""
    return [node["content"] for node in nodes(page(answer))]
