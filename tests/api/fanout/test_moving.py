"""Whose rights change while a text grows moves to others: he is told what goes on where he is, or to begin anew."""

from typing import Any, Final

from resolvers.ids import encode
from tests.api.fanout.crowds import Reader, crowd_of
from tests.api.fanout.test_leaving import until
from tests.api.fanout.test_rights_changing import ASSIGN, END
from tests.api.fanout.test_rooms import SHARE
from tests.resolvers.chat.documents import start
from tests.resolvers.chat.writing import begin, finish, stream
from tests.served import Served

TEXTS: Final = """subscription ($id: ID!) { conversationEvents(conversationId: $id) { __typename cursor
  ... on MessageAdded { message { metadata { llmModel } } } ... on MessageDelta { offset text } } }"""


async def test_who_moves_to_others_while_a_text_grows_goes_on_where_he_is_or_begins_anew(served: Served) -> None:
    """Two of one account, to whom metadata are denied until a role of it ends; one of them missed what came before."""
    alice, root = await served.as_("alice"), await served.as_("root")
    conversation = await start(alice, attributes={"region": "EMEA", "clearance_required": 1})
    bob = encode("User", served.people["bob"].id)
    assert (await alice.ask(SHARE, input={"conversationId": conversation, "userId": bob})).data
    given = await root.ask(ASSIGN, input={"userId": bob, "role": "report_viewer"})
    async with crowd_of(served) as crowd:
        _, sara = await crowd.enter("sara", TEXTS, id=conversation)
        early, his = await crowd.enter("bob", TEXTS, id=conversation)
        await crowd.heard(conversation, sara, his)
        message = await begin(alice, conversation)
        await until(lambda: all("MessageAdded" in kinds(reader) for reader in (sara, his)))  # empty, as it is so far
        await stream(alice, message, 0, "abc")
        await until(lambda: all(pieces(reader) == [(0, "abc")] for reader in (sara, his)))
        late, other = await crowd.enter("bob", TEXTS, id=conversation)
        assert len({id(member.group) for member in (early, late)}) == 2
        assert (await root.ask(END, id=given.data["assignRole"]["assignment"]["id"])).data
        early.context.standings.rules_told()
        await stream(alice, message, 3, "def")
        await until(lambda: all((3, "def") in pieces(reader) for reader in (sara, his)) and bool(other.told))
        assert early.group is late.group
        await stream(alice, message, 6, "ghi")
        await finish(alice, message, 9)
        await crowd.heard(conversation, sara, his, other)
    assert pieces(sara) == pieces(his) == [(0, "abc"), (3, "def"), (6, "ghi")]
    assert kinds(other)[:2] == ["ResyncRequired", "MessageDelta"]
    assert pieces(other) == [(6, "ghi")]
    assert "ResyncRequired" not in kinds(sara) + kinds(his)


def events(reader: Reader) -> list[dict[str, Any]]:
    return [each["data"]["conversationEvents"] for each in reader.told]


def kinds(reader: Reader) -> list[str]:
    return [each["__typename"] for each in events(reader)]


def pieces(reader: Reader) -> list[tuple[int, str]]:
    """Of the text, as they came."""
    return [(each["offset"], each["text"]) for each in events(reader) if each["__typename"] == "MessageDelta"]
