"""Conversations of which one branch is shared, and what may be asked about them."""

import json
import random
from dataclasses import dataclass, field
from typing import Any, Final

from models.bucket import MessageRole, Metadata
from models.tree import MAIN, Address, Draft
from resolvers.ids import branch_id, message_id, object_id
from tests.resolvers.chat.documents import start
from tests.resolvers.chat.test_sharing import share, stored, user_id
from tests.served import Answer, Caller, Served

MESSAGE: Final = "id content depth siblingIndex siblingCount metadata { llmModel } author { id } attachments { name }"
WHOLE_MESSAGE: Final = f"""{MESSAGE} parent {{ {MESSAGE} }} editedFrom {{ {MESSAGE} }} siblings {{ {MESSAGE} }}
  branch {{ id messageCount tip {{ {MESSAGE} }} forkedFrom {{ {MESSAGE} }} author {{ id }} }}"""
BRANCH: Final = (
    f"id messageCount createdAt forkedFrom {{ {MESSAGE} }} tip {{ {MESSAGE} siblings {{ id }} }} author {{ id }}"
)
CONVERSATION: Final = f"""id messageCount branchCount updatedAt chosenBranch {{ {BRANCH} }}
  branches(first: 100) {{ edges {{ cursor node {{ {BRANCH} }} }} pageInfo {{ hasNextPage endCursor }} }}
  messages(first: 100) {{ edges {{ cursor node {{ {WHOLE_MESSAGE} }} }} pageInfo {{ hasNextPage hasPreviousPage }} }}"""
ALL: Final = f"query ($id: ID!) {{ conversation(id: $id) {{ {CONVERSATION} }} }}"
LISTED: Final = f"{{ conversations(first: 100) {{ edges {{ node {{ {CONVERSATION} }} }} }} }}"
NODE: Final = f"""query ($id: ID!) {{ node(id: $id) {{ __typename ... on Conversation {{ {CONVERSATION} }}
  ... on Branch {{ {BRANCH} }} ... on Message {{ {WHOLE_MESSAGE} }} }} }}"""
NODES: Final = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Message {{ {WHOLE_MESSAGE} }} }} }}"
DIFF: Final = f"""query ($a: ID!, $b: ID!) {{ diffBranches(a: $a, b: $b) {{ lastShared {{ {MESSAGE} }}
  a {{ branch {{ {BRANCH} }} messages(first: 100) {{ edges {{ node {{ {MESSAGE} }} }} }} }}
  b {{ branch {{ {BRANCH} }} messages(first: 100) {{ edges {{ node {{ {MESSAGE} }} }} }} }} }} }}"""
REST: Final = f"""query ($a: ID!, $b: ID!, $after: String) {{ diffBranches(a: $a, b: $b) {{
  a {{ messages(first: 100, after: $after) {{ edges {{ node {{ {MESSAGE} }} }} }} }} }} }}"""
SEARCH: Final = f"""query ($text: String!, $filter: MessageSearchFilter, $first: Int, $after: String) {{
  searchMessages(query: $text, filter: $filter, first: $first, after: $after) {{ complete
    edges {{ cursor score snippet node {{ {WHOLE_MESSAGE} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
COPY: Final = """mutation ($branch: ID!, $until: ID) {
  forkConversation(input: {branchId: $branch, untilMessageId: $until}) { conversation { messageCount branchCount
    messages(first: 100) { edges { node { content metadata { llmModel } } } } } } }"""
CHOOSE: Final = "mutation ($id: ID!) { chooseBranch(input: {branchId: $id}) { conversation { id } } }"
DELETE: Final = "mutation ($id: ID!) { deleteMessage(input: {messageId: $id}) { messageId } }"
REMOVE: Final = "mutation ($id: ID!) { deleteMessage(input: {messageId: $id, mode: SUBTREE}) { messageId } }"
RESTORE: Final = "mutation ($id: ID!) { restoreMessage(input: {messageId: $id}) { message { id } } }"
WATCH: Final = f"""subscription ($id: ID!) {{ conversationEvents(conversationId: $id, after: "0-0") {{ __typename
  ... on MessageAdded {{ message {{ {WHOLE_MESSAGE} }} }} ... on MessageDeleted {{ messageId }}
  ... on ConversationChanged {{ conversation {{ {CONVERSATION} }} }} }} }}"""


@dataclass
class Wood:
    """Alice's conversation: each message says `common` and a word of its own, and has a model of its own."""

    served: Served
    alice: Caller
    bob: Caller
    conversation: str
    parents: dict[Address, Address | None] = field(default_factory=dict)
    words: dict[Address, str] = field(default_factory=dict)
    shared: str = MAIN

    async def write(self, parent: Address | None, **more: Any) -> Address:
        number = len(self.parents)
        draft = Draft(
            MessageRole.USER,
            f"common word{number}x",
            author_id=self.alice.user.id,  # type: ignore[union-attr]
            metadata=Metadata(llm_model=f"model{number}x"),
            **more,
        )
        address = (await self.served.services.tree.append(await stored(self.conversation), parent, draft)).address
        self.parents[address], self.words[address] = parent, f"{number}x"
        return address

    def path(self, address: Address | None) -> list[Address]:
        found: list[Address] = []
        while address is not None:
            found.append(address)
            address = self.parents[address]
        return found[::-1]

    @property
    def seen(self) -> list[Address]:
        """The path of the shared branch."""
        return self.path(max(each for each in self.parents if each.branch == self.shared))

    @property
    def hidden(self) -> list[Address]:
        return [each for each in self.parents if each not in self.seen]

    def id(self, address: Address) -> str:
        return message_id(object_id(self.conversation, "Conversation"), address)

    def branch(self, name: str) -> str:
        return branch_id(object_id(self.conversation, "Conversation"), name)

    @property
    def secrets(self) -> list[str]:
        """What stands in no answer to Bob: words, models and ids of hidden messages, and ids of hidden branches."""
        hidden, branches = self.hidden, {each.branch for each in self.hidden} - {each.branch for each in self.seen}
        words = [f"{kind}{self.words[each]}" for each in hidden for kind in ("word", "model")]
        return [*words, *map(self.id, hidden), *map(self.branch, branches)]

    async def ask(self, document: str, **variables: Any) -> Answer:
        """As Bob, who is told no secret."""
        answer = await self.bob.ask(document, **variables)
        told = json.dumps(answer.body)
        assert [secret for secret in self.secrets if secret in told] == [], (document, variables)
        return answer

    async def share(self, access: str = "READ", **more: Any) -> None:
        given = {"userId": user_id(self.bob), "branchId": self.branch(self.shared), "access": access, **more}
        assert (await share(self.alice, self.conversation, **given)).data


async def grown(served: Served, seed: int, size: int = 14) -> Wood:
    """A random tree, of which a random branch is shared; the same for one seed, though branches' names are not."""
    dice = random.Random(seed)
    alice, bob = await served.as_("alice"), await served.as_("bob")
    wood = Wood(served, alice, bob, await start(alice))
    for _ in range(size):
        parent = dice.choice([None, *wood.parents, *list(wood.parents)[-3:]])
        edited = dice.choice([None, *wood.parents])
        await wood.write(parent, edited_from=str(edited) if edited else None)
    wood.shared = dice.choice(list(dict.fromkeys(each.branch for each in wood.parents)))
    await wood.share()
    while await served.indexer.take():
        pass
    return wood


async def forked(served: Served, access: str = "WRITE") -> Wood:
    """main.0 to main.3; a branch that leaves after main.1 is shared, and has two messages."""
    alice, bob = await served.as_("alice"), await served.as_("bob")
    wood = Wood(served, alice, bob, await start(alice))
    last: Address | None = None
    for _ in range(4):
        last = await wood.write(last)
    own = await wood.write(Address(MAIN, 1))
    await wood.write(own)
    wood.shared = own.branch
    await wood.share(access)
    return wood
