"""Messages over HTTP: pages, forks, edits, retries, and what is refused."""

import pytest

from resolvers.ids import GlobalId, encode
from tests.resolvers.chat.documents import APPEND, EDIT, PAGE, append, chat, contents, nodes, page, start
from tests.served import Served


async def test_a_conversation_reads_forwards_and_backwards_in_pages(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, _ = await chat(alice, 7)
    first = await alice.ask(PAGE, id=conversation, first=3)
    assert contents(first) == ["m0", "m1", "m2"]
    info = page(first)["pageInfo"]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, False)
    second = await alice.ask(PAGE, id=conversation, first=3, after=info["endCursor"])
    assert contents(second) == ["m3", "m4", "m5"]
    end = await alice.ask(PAGE, id=conversation, last=2)
    assert contents(end) == ["m5", "m6"]
    info = page(end)["pageInfo"]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (False, True)
    before = await alice.ask(PAGE, id=conversation, last=2, before=info["startCursor"])
    assert contents(before) == ["m3", "m4"]
    assert contents(await alice.ask(PAGE, id=conversation)) == [f"m{n}" for n in range(7)]


async def test_pages_stay_where_they_are_while_the_conversation_grows(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, _ = await chat(alice, 4)
    seen = await alice.ask(PAGE, id=conversation, first=2)
    end = await alice.ask(PAGE, id=conversation, last=2)
    await append(alice, conversation, "m4")
    assert contents(await alice.ask(PAGE, id=conversation, first=2, after=page(seen)["pageInfo"]["endCursor"])) == [
        "m2",
        "m3",
    ]
    assert contents(await alice.ask(PAGE, id=conversation, first=5, after=page(end)["pageInfo"]["endCursor"])) == ["m4"]


async def test_an_answer_in_the_middle_forks_and_both_branches_read(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, messages = await chat(alice, 4)
    fork = await append(alice, conversation, "another way", parentId=messages[1]["id"])
    assert (fork["siblingCount"], fork["siblingIndex"], fork["depth"]) == (2, 1, 2)
    assert fork["parent"]["id"] == messages[1]["id"]
    old = await alice.ask(PAGE, id=conversation, branch=messages[3]["branch"]["id"])
    new = await alice.ask(PAGE, id=conversation, branch=fork["branch"]["id"])
    assert contents(old) == ["m0", "m1", "m2", "m3"]
    assert contents(new) == ["m0", "m1", "another way"]
    assert [node["siblingCount"] for node in nodes(page(old))] == [1, 1, 2, 1]
    document = "query ($id: ID!) { node(id: $id) { ... on Message { siblings { id content siblingIndex } } } }"
    siblings = (await alice.ask(document, id=messages[2]["id"])).data["node"]["siblings"]
    assert [(each["content"], each["siblingIndex"]) for each in siblings] == [("m2", 0), ("another way", 1)]


async def test_a_reader_comes_back_to_the_branch_that_he_was_on(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, messages = await chat(alice, 3)
    fork = await append(alice, conversation, "mine", parentId=messages[0]["id"])
    assert contents(await alice.ask(PAGE, id=conversation)) == ["m0", "mine"]
    assert (await append(alice, conversation, "and on"))["parent"]["id"] == fork["id"]
    choose = (
        "mutation ($input: ChooseBranchInput!) { chooseBranch(input: $input) { conversation { chosenBranch { id } } } }"
    )
    chosen = await alice.ask(choose, input={"branchId": messages[2]["branch"]["id"]})
    assert chosen.data["chooseBranch"]["conversation"]["chosenBranch"]["id"] == messages[2]["branch"]["id"]
    assert contents(await alice.ask(PAGE, id=conversation)) == ["m0", "m1", "m2"]
    admin = await served.as_("admin")
    assert contents(await admin.ask(PAGE, id=conversation)) == ["m0", "m1", "m2"]
    await admin.ask(choose, input={"branchId": fork["branch"]["id"]})
    assert contents(await admin.ask(PAGE, id=conversation)) == ["m0", "mine", "and on"]
    assert contents(await alice.ask(PAGE, id=conversation)) == ["m0", "m1", "m2"]


async def test_an_edit_stands_beside_the_old_version(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, messages = await chat(alice, 2)
    for target in messages:
        edited = (await alice.ask(EDIT, input={"messageId": target["id"], "content": "better"})).data["editMessage"]
        assert edited["message"]["editedFrom"]["id"] == target["id"]
        assert (edited["message"]["siblingCount"], edited["message"]["siblingIndex"]) == (2, 1)
    old = await alice.ask(PAGE, id=conversation, branch=messages[1]["branch"]["id"])
    assert contents(old) == ["m0", "m1"]


async def test_a_retry_makes_no_second_message(served: Served) -> None:
    alice = await served.as_("alice")
    conversation, messages = await chat(alice, 2)
    for more in ({}, {"parentId": messages[0]["id"]}):
        tries = [await append(alice, conversation, "once", idempotencyKey=f"k{len(more)}", **more) for _ in range(3)]
        assert len({each["id"] for each in tries}) == 1
    again = await alice.ask(
        APPEND,
        input={
            "conversationId": conversation,
            "content": "other",
            "idempotencyKey": "k1",
            "parentId": messages[0]["id"],
        },
    )
    assert again.codes == ["CONFLICT"]
    edits = [
        (await alice.ask(EDIT, input={"messageId": messages[0]["id"], "content": "e", "idempotencyKey": "k"})).data
        for _ in range(2)
    ]
    assert edits[0] == edits[1]


async def test_metadata_is_kept_and_shown(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    metadata = {"llmModel": "gpt-4", "tokens_used": 150, "latencyMs": 3200, "mood": "good", "extra": {"a": [1]}}
    answer = await alice.ask(
        "mutation ($input: AppendMessageInput!) { appendMessage(input: $input) {"
        " message { role metadata { llmModel tokensUsed latencyMs extra } } } }",
        input={"conversationId": conversation, "role": "ASSISTANT", "content": "x", "metadata": metadata},
    )
    assert answer.data["appendMessage"]["message"] == {
        "role": "ASSISTANT",
        "metadata": {"llmModel": "gpt-4", "tokensUsed": 150, "latencyMs": 3200, "extra": {"mood": "good", "a": [1]}},
    }


@pytest.mark.parametrize(
    ("input", "code"),
    [
        ({"content": "x" * (1024 * 1024 + 1)}, "PAYLOAD_TOO_LARGE"),
        ({"content": "x", "metadata": {"tokensUsed": "many"}}, "BAD_USER_INPUT"),
        ({"content": "x", "metadata": {"$where": 1}}, "BAD_USER_INPUT"),
        ({"content": "x", "metadata": {"tokensUsed": 2**31}}, "BAD_USER_INPUT"),
        ({"content": "x", "metadata": {"latencyMs": -1}}, "BAD_USER_INPUT"),
        ({"content": "x", "metadata": [1]}, "BAD_USER_INPUT"),
        ({"content": "x", "metadata": {"a": "x" * 20_000}}, "PAYLOAD_TOO_LARGE"),
        ({"content": "x", "idempotencyKey": ""}, "BAD_USER_INPUT"),
        ({"content": "x", "idempotencyKey": "k" * 201}, "BAD_USER_INPUT"),
        ({"content": "x", "parentId": "nonsense"}, "BAD_USER_INPUT"),
    ],
)
async def test_what_cannot_be_stored_is_refused_and_changes_nothing(
    served: Served, input: dict[str, object], code: str
) -> None:
    alice = await served.as_("alice")
    conversation, _ = await chat(alice, 1)
    answer = await alice.ask(APPEND, input={"conversationId": conversation, **input})
    assert answer.codes == [code]
    assert contents(await alice.ask(PAGE, id=conversation)) == ["m0"]


async def test_a_message_at_the_cap_is_taken_whole(served: Served) -> None:
    alice = await served.as_("alice")
    conversation = await start(alice)
    message = await append(alice, conversation, "é" * (512 * 1024))
    assert message["content"] == "é" * (512 * 1024)


async def test_cursors_and_branches_of_elsewhere_are_refused(served: Served) -> None:
    alice = await served.as_("alice")
    here, messages = await chat(alice, 4)
    there, others = await chat(alice, 4)
    fork = await append(alice, here, "fork", parentId=messages[0]["id"])
    main = messages[0]["branch"]["id"]
    foreign = [
        {"after": others[1]["id"], "branch": main},
        {"before": others[1]["id"], "last": 2, "branch": main},
        {"after": fork["id"], "branch": main},
        {"branch": others[0]["branch"]["id"]},
        {"after": "AAAA"},
        {"after": ""},
        {"after": messages[1]["id"] + "="},
        {"first": 2, "last": 2},
        {"first": -1},
        {"first": 101},
    ]
    for arguments in foreign:
        assert (await alice.ask(PAGE, id=here, **arguments)).codes == ["BAD_USER_INPUT"], arguments
    parent = await alice.ask(APPEND, input={"conversationId": here, "content": "x", "parentId": others[0]["id"]})
    assert parent.codes == ["BAD_USER_INPUT"]
    assert contents(await alice.ask(PAGE, id=there)) == ["m0", "m1", "m2", "m3"]


async def test_a_branch_that_an_empty_conversation_does_not_have_is_not_found(served: Served) -> None:
    alice = await served.as_("alice")
    there, _ = await chat(alice, 0)
    assert contents(await alice.ask(PAGE, id=there)) == []
    nowhere = encode("Branch", GlobalId.parse(there).parts[0], "0123456789abcdef")
    assert (await alice.ask(PAGE, id=there, branch=nowhere)).codes == ["NOT_FOUND"]
