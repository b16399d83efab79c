"""With whom one branch is shared to write on writes there and beside it, and nowhere else."""

import asyncio
from typing import Any

from models.conversation import Conversation
from models.policy import Policy
from models.role import GrantEffect
from models.share import MOST_FORKS
from models.tree import MAIN, Address
from permissions.changes import SYSTEM
from resolvers.ids import object_id
from tests.resolvers.chat.documents import APPEND, EDIT, PAGE, append, chat, contents, start
from tests.resolvers.chat.test_sharing import share, stored, user_id
from tests.resolvers.chat.woods import ALL, DELETE, NODE, NODES, REMOVE, RESTORE, Wood, forked
from tests.served import Served


async def test_who_may_write_on_a_branch_sees_what_he_begins_there_as_long_as_the_share_holds(served: Served) -> None:
    wood = await forked(served)
    end = await append(wood.bob, wood.conversation, "at the end")
    assert end["parent"]["id"] == wood.id(wood.seen[-1])
    beside = await append(wood.bob, wood.conversation, "beside", parentId=wood.id(Address(MAIN, 1)))
    assert (beside["siblingCount"], beside["siblingIndex"]) == (2, 1)
    more = await append(wood.bob, wood.conversation, "more", parentId=beside["id"])
    edited = (await wood.bob.ask(EDIT, input={"messageId": more["id"], "content": "edited"})).data["editMessage"][
        "message"
    ]
    first = (await wood.bob.ask(EDIT, input={"messageId": wood.id(Address(MAIN, 0)), "content": "0"})).data
    asked = (await wood.ask(ALL, id=wood.conversation)).data["conversation"]
    assert (asked["messageCount"], asked["branchCount"]) == (4 + 5, 2 + 3)
    assert edited["siblingCount"] == first["editMessage"]["message"]["siblingCount"] == 2
    assert contents(await wood.ask(PAGE, id=wood.conversation, branch=edited["branch"]["id"]))[-1] == "edited"

    beside_it = {"messageId": more["id"], "content": "at once"}
    at_once = await asyncio.gather(*(wood.bob.ask(EDIT, input=beside_it) for _ in range(5)))
    ids = [each.data["editMessage"]["message"]["id"] for each in at_once]
    assert all((await wood.ask(NODES, ids=ids)).data["nodes"])

    await wood.share("READ")  # in place of the other, which held: what was begun stays
    assert (await wood.ask(NODE, id=beside["id"])).data["node"]
    assert (await wood.ask(APPEND, input={"conversationId": wood.conversation, "content": "x"})).codes == ["FORBIDDEN"]
    await wood.share("NONE")
    assert (await wood.ask(NODE, id=beside["id"])).data["node"] is None
    await wood.share("WRITE")
    assert (await wood.ask(NODE, id=beside["id"])).data["node"] is None


async def test_a_retry_gives_the_fork_again_but_not_what_was_hidden_meanwhile(served: Served) -> None:
    wood = await forked(served)
    sent = {"conversationId": wood.conversation, "content": "mine", "idempotencyKey": "k"}
    sent["parentId"] = wood.id(Address(MAIN, 1))
    tries = [(await wood.ask(APPEND, input=sent)).data["appendMessage"]["message"]["id"] for _ in range(2)]
    assert tries[0] == tries[1]
    forget: dict[str, Any] = {"$set": {"shares.0.forks": []}}  # as if the worker had died before it noted the fork
    await Conversation.find_one({"_id": object_id(wood.conversation, "Conversation")}).update(forget)
    assert (await wood.ask(APPEND, input=sent)).data["appendMessage"]["message"]["id"] == tries[0]

    await wood.share("NONE")
    secret = await append(wood.alice, wood.conversation, "between us", parentId=tries[0])
    await wood.share("WRITE")
    again = await wood.ask(APPEND, input=sent)
    assert again.codes == ["NOT_FOUND"]
    assert (await wood.ask(NODE, id=secret["id"])).data["node"] is None


async def test_a_key_that_he_used_where_he_sees_no_more_shows_nothing(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    conversation, messages = await chat(alice, 2)
    await share(alice, conversation, userId=user_id(bob), access="WRITE")
    sent = {"conversationId": conversation, "content": "mine", "idempotencyKey": "k", "parentId": messages[1]["id"]}
    mine = (await bob.ask(APPEND, input=sent)).data["appendMessage"]["message"]
    fork = await append(alice, conversation, "fork", parentId=messages[1]["id"])
    await share(alice, conversation, userId=user_id(bob), access="NONE")
    await share(alice, conversation, userId=user_id(bob), access="WRITE", branchId=fork["branch"]["id"])
    assert (await bob.ask(NODE, id=mine["id"])).data["node"] is None
    assert (await bob.ask(APPEND, input=sent)).codes == ["NOT_FOUND"]


async def test_who_reads_all_and_writes_on_a_branch_writes_there_only(served: Served) -> None:
    wood = await forked(served)
    assert (await share(wood.alice, wood.conversation, userId=user_id(wood.bob))).data
    for parent, codes in ((Address(MAIN, 3), ["FORBIDDEN"]), (Address(MAIN, 1), []), (wood.seen[-1], [])):
        sent = {"conversationId": wood.conversation, "content": "x", "parentId": wood.id(parent)}
        answer = await wood.bob.ask(APPEND, input=sent)
        assert answer.codes == codes, parent
    edits = [await wood.bob.ask(EDIT, input={"messageId": wood.id(each), "content": "x"}) for each in wood.hidden[:2]]
    assert [each.codes for each in edits] == [["FORBIDDEN"]] * 2
    assert (await wood.bob.ask(NODE, id=wood.id(Address(MAIN, 3)))).data["node"]


async def test_a_branch_to_read_and_another_to_write_are_not_one_to_do_both(served: Served) -> None:
    wood = await forked(served, "READ")
    assert (await wood.ask(APPEND, input={"conversationId": wood.conversation, "content": "x"})).codes == ["FORBIDDEN"]
    other = await wood.write(Address(MAIN, 2))
    given = {"userId": user_id(wood.bob), "branchId": wood.branch(other.branch), "access": "WRITE"}
    assert (await share(wood.alice, wood.conversation, **given)).data
    for place, codes in ((wood.seen[-1], ["FORBIDDEN"]), (Address(MAIN, 3), ["NOT_FOUND"]), (Address(MAIN, 2), [])):
        sent = {"conversationId": wood.conversation, "content": "x", "parentId": wood.id(place)}
        assert (await wood.bob.ask(APPEND, input=sent)).codes == codes, place


async def test_no_more_forks_are_begun_than_can_be_shown(served: Served) -> None:
    wood = await forked(served)
    full = {"$set": {"shares.0.forks": [f"{number:016x}" for number in range(MOST_FORKS)]}}
    await Conversation.find_one({"_id": object_id(wood.conversation, "Conversation")}).update(full)
    place = {"conversationId": wood.conversation, "content": "x", "parentId": wood.id(Address(MAIN, 1))}
    assert (await wood.ask(APPEND, input=place)).codes == ["CONFLICT"]
    assert (await wood.ask(EDIT, input={"messageId": wood.id(wood.seen[-1]), "content": "x"})).codes == ["CONFLICT"]
    assert (await stored(wood.conversation)).message_count == len(wood.parents)
    assert await append(wood.bob, wood.conversation, "at the end")


async def test_of_another_beginning_that_is_shared_the_first_one_is_not_seen(served: Served) -> None:
    alice, bob = await served.as_("alice"), await served.as_("bob")
    wood = Wood(served, alice, bob, await start(alice))
    for parent in (None, Address(MAIN, 0), None):
        last = await wood.write(parent)
    wood.shared = last.branch
    await wood.share("WRITE")
    asked = (await wood.ask(ALL, id=wood.conversation)).data["conversation"]
    assert (asked["messageCount"], asked["branchCount"], asked["chosenBranch"]["messageCount"]) == (1, 1, 1)
    assert (await wood.ask(NODE, id=wood.branch(MAIN))).data["node"] is None
    edited = (await wood.ask(EDIT, input={"messageId": wood.id(last), "content": "x"})).data["editMessage"]["message"]
    assert (edited["siblingCount"], edited["siblingIndex"]) == (2, 1)


async def test_who_may_delete_on_a_branch_deletes_nothing_beside_it(served: Served) -> None:
    """By rules of one's own: no share gives that otherwise. A subtree may hold what he doesn't see."""
    wood = await forked(served)
    for action in ("message:delete",):
        rule = Policy(id="deleting", effect=GrantEffect.ALLOW, actions=[action], when='shared("write")')
        await served.services.changes.put_policy(rule, SYSTEM)
    other = await wood.write(Address(MAIN, 2))
    given = {"userId": user_id(wood.bob), "branchId": wood.branch(other.branch), "access": "READ"}
    assert (await share(wood.alice, wood.conversation, **given)).data
    assert (await wood.bob.ask(REMOVE, id=wood.id(Address(MAIN, 1)))).codes == ["FORBIDDEN"]
    assert (await wood.bob.ask(REMOVE, id=wood.id(wood.seen[-1]))).codes == ["FORBIDDEN"]
    for address, codes in ((other, ["FORBIDDEN"]), (Address(MAIN, 3), ["NOT_FOUND"]), (wood.seen[-1], [])):
        assert (await wood.bob.ask(DELETE, id=wood.id(address))).codes == codes, address
    for address in (Address(MAIN, 2), other):
        assert (await wood.alice.ask(DELETE, id=wood.id(address))).data
    for address, codes in ((other, ["FORBIDDEN"]), (Address(MAIN, 2), ["FORBIDDEN"]), (wood.seen[-1], [])):
        assert (await wood.bob.ask(RESTORE, id=wood.id(address))).codes == codes, address
    assert (await wood.alice.ask(REMOVE, id=wood.id(Address(MAIN, 1)))).data
    assert (await wood.bob.ask(RESTORE, id=wood.id(Address(MAIN, 1)))).codes == ["FORBIDDEN"]
    subtrees = "query ($id: ID!) { conversation(id: $id) { deletedSubtrees { messageCount } } }"
    assert (await wood.bob.ask(subtrees, id=wood.conversation)).data["conversation"]["deletedSubtrees"] == []


async def test_who_gives_a_share_anew_gives_no_fork_with_it_that_he_does_not_see(served: Served) -> None:
    wood, guest = await forked(served), await served.as_("guest")
    rule = Policy(id="further", effect=GrantEffect.ALLOW, actions=["conversation:share"], when='shared("read")')
    await served.services.changes.put_policy(rule, SYSTEM)
    given = {"userId": user_id(guest), "branchId": wood.branch(wood.shared)}
    assert (await share(wood.alice, wood.conversation, **given)).data
    beside = await append(wood.bob, wood.conversation, "beside", parentId=wood.id(Address(MAIN, 1)))
    assert (await guest.ask(NODE, id=beside["id"])).data["node"] is None
    again = {"userId": user_id(wood.bob), "branchId": wood.branch(wood.shared)}
    for giver, kept in ((wood.alice, True), (guest, False)):
        assert (await share(giver, wood.conversation, **again)).data
        assert bool((await wood.ask(NODE, id=beside["id"])).data["node"]) == kept
