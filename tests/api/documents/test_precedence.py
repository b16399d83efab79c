"""What asks for much lets others go first: whoever presses on the limits is not waited for by who doesn't."""

import pytest

from models.tree.precedence import Precedence
from tests.resolvers.chat.documents import append, start
from tests.served import Served

MUCH = "{ conversations(first: 60) { edges { node { messages(first: 100) { edges { node { content } } } } } } }"
LITTLE = "{ conversations(first: 10) { edges { node { id messages(first: 1) { edges { node { content } } } } } } }"


@pytest.mark.parametrize(
    ("document", "gives"), [(MUCH, True), ('{ searchMessages(query: "the") { complete } }', True), (LITTLE, False)]
)
async def test_it_does_so_wherever_it_is_about_to_read(
    served: Served, monkeypatch: pytest.MonkeyPatch, document: str, gives: bool
) -> None:
    given = list[bool]()

    async def give_way(self: Precedence) -> None:
        given.append(self._little > 0)

    monkeypatch.setattr(Precedence, "give_way", give_way)
    alice = await served.as_("alice")
    await append(alice, await start(alice), "hello")
    assert (await alice.ask(document)).codes == [], "which has it judged"
    given.clear()
    assert (await alice.ask(document)).codes == []
    assert bool(given) == gives
    assert not any(given), "it would wait for itself"


async def test_what_asks_for_little_is_known_to_be_under_way_until_it_is_answered(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = list[int]()
    enter = Precedence.__enter__

    def entered(self: Precedence) -> None:
        enter(self)
        came.append(self._little)

    monkeypatch.setattr(Precedence, "__enter__", entered)
    alice = await served.as_("alice")
    came.clear()
    assert (await alice.ask("{ me { id } }")).codes == []
    assert (await alice.ask(MUCH)).codes == []
    assert came == [1]
    assert served.services.tree.precedence._little == 0
