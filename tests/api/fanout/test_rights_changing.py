"""Rights come and go while events flow: nobody is given an answer that was made by more than his own."""

import random
import re
from typing import Any

import pytest

from api.fanout import Member, groups
from resolvers.chat.deltas import Deltas
from resolvers.ids import encode
from tests.api.fanout.crowds import Reader, crowd_of
from tests.api.fanout.test_rooms import METADATA, SHARE
from tests.resolvers.chat.documents import append, start
from tests.served import Caller, Served

ASSIGN = "mutation ($input: AssignRoleInput!) { assignRole(input: $input) { assignment { id } } }"
END = "mutation ($id: ID!) { endRoleAssignment(input: {assignmentId: $id}) { permissionsToken } }"
ATTRIBUTES = "mutation ($input: SetUserAttributesInput!) { setUserAttributes(input: $input) { permissionsToken } }"
CHANGES = 7


class Rights:
    """Bob reads by a share, with metadata, unless a role denies them; other rights of his come and go beside it."""

    def __init__(self, root: Caller, bob: str) -> None:
        self._root = root
        self._bob = bob
        self._held: dict[str, str] = {}

    @property
    def metadata(self) -> bool:
        """Whether he sees them now."""
        return "report_viewer" not in self._held

    async def flip(self, chance: random.Random) -> None:
        """Give or take a role, or change what he is."""
        role = chance.choice(("report_viewer", "report_viewer", "senior_analyst", None))
        if role is None:
            attributes = {"region": "EMEA", "department": "Sales", "clearance": chance.randrange(4)}
            await self._done(ATTRIBUTES, input={"userId": self._bob, "attributes": attributes})
        elif role in self._held:
            await self._done(END, id=self._held.pop(role))
        else:
            given = await self._done(ASSIGN, input={"userId": self._bob, "role": role})
            self._held[role] = given["assignRole"]["assignment"]["id"]

    async def _done(self, query: str, **variables: Any) -> Any:
        return (await self._root.ask(query, **variables)).data


@pytest.mark.parametrize("seed", [0, 6])
async def test_who_gains_and_loses_rights_is_shown_what_they_give_at_each_event(served: Served, seed: int) -> None:
    chance, alice = random.Random(seed), await served.as_("alice")
    conversation = await start(alice, attributes={"region": "EMEA", "clearance_required": 1})
    bob = encode("User", served.people["bob"].id)
    (await alice.ask(SHARE, input={"conversationId": conversation, "userId": bob})).data  # noqa: B018
    rights, seen = Rights(await served.as_("root"), bob), [set[bool]() for _ in range(CHANGES)]
    async with crowd_of(served) as crowd:
        standings = (await crowd.context("bob")).standings
        bobs = [(await crowd.enter("bob", METADATA, id=conversation))[1] for _ in range(3)]
        saras = [(await crowd.enter("sara", METADATA, id=conversation))[1] for _ in range(3)]
        bobs.append(await crowd.alone("bob", METADATA, id=conversation))
        await crowd.heard(conversation, *bobs, *saras)
        told = 0
        for number in range(CHANGES):
            await rights.flip(chance)
            standings.rules_told()  # the word of it has come; it counts within a second without
            for each in seen[told : number + 1]:  # what nobody has waited for is told by the rights before, or these
                each.add(rights.metadata)
            await append(alice, conversation, f"text {number}", metadata={"llmModel": f"secret {number}."})
            if chance.random() < 0.5:
                await crowd.heard(conversation, *bobs, *saras)
                told = number + 1
        await crowd.heard(conversation, *bobs, *saras)
    always, sometimes = ({number for number in range(CHANGES) if rule(seen[number])} for rule in (all, any))
    assert always
    assert len(sometimes) < CHANGES
    for reader in bobs:
        assert always <= shown("secret", reader) <= sometimes
        assert shown("text", reader) == set(range(CHANGES)), reader.told
    for reader in saras:
        assert shown("secret", reader) == set(range(CHANGES))


@pytest.mark.parametrize("led", [True, False])
async def test_rights_that_change_while_an_event_is_told_lose_it_for_nobody(
    served: Served, monkeypatch: pytest.MonkeyPatch, led: bool
) -> None:
    """When it was begun nobody was in doubt; then only sara has what they shared by, or, unless `led`, nobody has."""
    alice, root = await served.as_("alice"), await served.as_("root")
    conversation = await start(alice, attributes={"region": "EMEA", "clearance_required": 1})
    bob = encode("User", served.people["bob"].id)
    (await alice.ask(SHARE, input={"conversationId": conversation, "userId": bob})).data  # noqa: B018
    event_for, given = groups.event_for, list[Any]()

    async def meanwhile(member: Member, item: Any, deltas: Deltas) -> Any:
        if not given and b"message" in item.payload:
            given.append(await root.ask(ASSIGN, input={"userId": bob, "role": "report_viewer"}))
            member.context.standings.rules_told()
        return await event_for(member, item, deltas)

    monkeypatch.setattr(groups, "event_for", meanwhile)
    async with crowd_of(served) as crowd:
        bobs = [(await crowd.enter("bob", METADATA, id=conversation))[1] for _ in range(3)]
        saras = [(await crowd.enter("sara", METADATA, id=conversation))[1] for _ in range(led)]
        await crowd.heard(conversation, *bobs, *saras)
        await append(alice, conversation, "text 0", metadata={"llmModel": "secret 0."})
        await crowd.heard(conversation, *bobs, *saras)
    assert given[0].data
    assert [shown("text", reader) for reader in (*bobs, *saras)] == [{0}] * (3 + led)
    assert [shown("secret", reader) for reader in saras] == [{0}] * led
    assert [shown("secret", reader) for reader in bobs] == [set()] * 3


def shown(what: str, reader: Reader) -> set[int]:
    """The numbers of those that he was shown."""
    return {int(each) for each in re.findall(rf"{what} (\d+)", str(reader.told))}
