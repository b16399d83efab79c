"""Mutations: each is done several times to the same world, until it changes nothing more, or only adds what is alike.

INVARIANT: who asks keeps the rights that he had in the beginning, whatever is done to rules and accounts.
"""

import re
from collections.abc import Hashable, Mapping
from dataclasses import replace
from random import Random
from typing import Any, Final

from resolvers.ids import encode
from tests.differential.cases import Case
from tests.differential.comparing import Verdict
from tests.differential.executing import Executors
from tests.differential.outcomes import Outcome
from tests.fuzz.grammar import LEAVING
from tests.isolation.planting import known_branch
from tests.isolation.tenants import World

LEFT_OUT: Final = LEAVING | {
    "rotateSigningKey",
    "registerOperations",
    "removeOperations",
    "createServiceAccount",
    "renewServiceSecret",
}
"""What would leave nothing to be done, or takes long."""
USUAL: Final = ("appendMessage", "editMessage", "startConversation", "updateConversation", "shareConversation")
NEW: Final = re.compile(r"[A-Za-z0-9_-]{16,}|\d{4}-\d\d-\d\dT[0-9:.+]+|\b\d+\b")
"""What of an answer may be another each time: ids, moments and numbers."""


def sensible(world: World, chance: Random) -> Mapping[str, Any]:
    """The `input` with which a mutation mostly succeeds, for who owns what it is about."""
    owner = chance.choice(("alice", "bob"))
    chat, known = world.chat_id(owner), world.known[owner]
    message, branch = known[chance.choice(("m0", "m1", "end", "edited"))], known_branch(world, owner)
    key = chance.choice((None, "a", "b"))
    john = encode("User", world.people["john"].id)
    metadata = {"llmModel": "m", "tokensUsed": 3, "extra": {"a": [1]}}
    return {
        "appendMessage": {"conversationId": chat, "content": "x", "idempotencyKey": key, "metadata": metadata},
        "editMessage": {"messageId": message, "content": "y", "idempotencyKey": key},
        "startConversation": {"title": "t", "tags": ["a"], "attributes": {"region": "EMEA"}},
        "updateConversation": {"conversationId": chat, "title": "t", "archived": chance.random() < 0.5},
        "shareConversation": {"conversationId": chat, "userId": john},
        "chooseBranch": {"branchId": branch},
        "requestAnswer": {"messageId": message},
        "cancelAnswer": {"messageId": message},
        "beginMessage": {"conversationId": chat, "parentId": message},
        "forkConversation": {"branchId": branch},
        "assignRole": {"userId": john, "role": "guest"},
        "createRole": {"name": "fresh", "inherits": ["guest"], "grants": []},
        "setUserAttributes": {"userId": john, "attributes": {"region": "EMEA"}},
    }


async def compare_changes(executors: Executors, case: Case, *, compiled_first: bool = False) -> Verdict:
    """What is done between two times by graphql-core must come to the same as both, if these come to the same."""
    await executors.by_core(case)
    before = await executors.by_core(case)
    compiled = await executors.compiled(case)
    after = await executors.by_core(case)
    for look in (_as_it_is, _blurred):
        if not differing(look(before), look(after)):
            return Verdict(before, compiled, differing(look(before), look(compiled)), raced=look is _blurred)
    return Verdict(before, compiled, raced=True)


def differing(one: Outcome, other: Outcome) -> list[str]:
    """In what; fewer calls, or more of them as there is more to read, are no difference."""
    names = set(one.differences(other)) - {"calls", "counted"}
    writes = [[each for each in some.calls if not each.startswith(("find ", "aggregate "))] for some in (one, other)]
    return sorted(names | ({"writes"} if writes[0] != writes[1] else set()))


def _as_it_is(outcome: Outcome) -> Outcome:
    return outcome


def _blurred(outcome: Outcome) -> Outcome:
    def blurred(keys: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
        return tuple(NEW.sub("*", str(each)) for each in keys)

    return replace(
        outcome,
        data=NEW.sub("*", outcome.data),
        errors=blurred(outcome.errors),
        denied=blurred(outcome.denied),
        allowed=blurred(outcome.allowed),
    )
