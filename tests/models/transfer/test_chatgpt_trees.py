"""Any tree, rendered as ChatGPT would export it, comes back as it was."""

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from models.transfer.values import moment
from models.tree.draft import TreeLimits
from tests.models.transfer.exports import EPOCH, conversation, drawn, link, node, read_chatgpt

ROLES = ["user", "assistant", "tool", "system"]


@dataclass(frozen=True)
class Planned:
    """A message to be; `veiled` puts a node without a message between it and its parent."""

    parent: int | None
    role: str
    text: str
    seconds: float
    veiled: bool


@st.composite
def forests(draw: st.DrawFn) -> list[Planned]:
    """Trees of up to 30 messages, parents before children."""
    size = draw(st.integers(1, 30))
    return [
        Planned(
            parent=draw(st.none() | st.integers(0, place - 1)) if place else None,
            role=draw(st.sampled_from(ROLES)),
            text=draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)),
            seconds=draw(st.integers(0, 10**8)) + draw(st.sampled_from([0, 0.5, 0.125])),
            veiled=draw(st.booleans()),
        )
        for place in range(size)
    ]


@settings(deadline=None, max_examples=40)  # each run tries others
@given(forests(), st.randoms(use_true_random=False), st.booleans())
def test_every_branch_comes_back_in_order(plan: list[Planned], random: Any, ascii_only: bool) -> None:
    nodes = _rendered(plan)
    random.shuffle(nodes)
    current = random.randrange(len(plan))
    export = json.dumps([conversation(*nodes, current_node=str(current))], ensure_ascii=ascii_only)
    (transcript,), refusals = read_chatgpt(export)
    assert not refusals
    assert transcript.chosen is not None
    order = _preorder(plan)
    assert order[transcript.chosen] == current
    assert [(sprout.parent, sprout.role.value, sprout.content, sprout.created_at) for sprout in transcript.sprouts] == [
        (
            None if message.parent is None else order.index(message.parent),
            message.role,
            message.text,
            moment(EPOCH + message.seconds),
        )
        for message in (plan[place] for place in order)
    ]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from("abc"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "id", "role"]), inner),
    max_leaves=5,
)
PLACES: list[tuple[str, ...]] = [
    (), ("title",), ("create_time",), ("update_time",), ("current_node",), ("conversation_id",), ("is_archived",),
    ("mapping",), ("mapping", "b"), ("mapping", "b", "parent"), ("mapping", "b", "children"),
    *(("mapping", "b", "message", *path) for path in [
        (), ("author",), ("author", "role"), ("create_time",), ("status",), ("recipient",), ("id",), ("metadata",),
        ("metadata", "model_slug"), ("metadata", "finish_details"), ("metadata", "attachments"), ("content",),
        ("content", "content_type"), ("content", "parts"), ("content", "text"), ("content", "thoughts"),
    ]),
]  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=4))
def test_no_value_anywhere_stops_the_rest(changes: list[tuple[tuple[str, ...], Any]]) -> None:
    made = conversation(node("a", None, ["b"]), node("b", "a", ["c"]), node("c", "b"))
    export = [made, conversation(node("z", None), conversation_id="last")]
    for path, junk in changes:
        _put(export, path, junk)
    transcripts, _ = read_chatgpt(json.dumps(export))
    assert drawn(transcripts[-1]) == "z"
    for transcript in transcripts:
        for place, sprout in enumerate(transcript.sprouts):
            assert sprout.parent is None or sprout.parent < place
            sprout.draft().check(TreeLimits())


def _put(export: list[Any], path: tuple[str, ...], junk: Any) -> None:
    """Put `junk` at `path` of the first conversation, if there is still such a place."""
    holder: Any = export
    keys: list[Any] = [0, *path]
    for key in keys[:-1]:
        if not isinstance(holder, list | dict) or (isinstance(holder, dict) and key not in holder):
            return
        if isinstance(holder, list) and not isinstance(key, int):
            return
        holder = holder[key]
    if isinstance(holder, dict) or holder is export:
        holder[keys[-1]] = junk


def _rendered(plan: list[Planned]) -> list[dict[str, Any]]:
    """Nodes of one mapping; all first messages hang on a null root, so that they have an order too."""
    children: dict[str, list[str]] = {}
    parents: dict[str, str] = {}
    for place, message in enumerate(plan):
        above = "root" if message.parent is None else str(message.parent)
        if message.veiled:
            veil = f"veil-{place}"
            children.setdefault(above, []).append(veil)
            parents[veil], above = above, veil
        children.setdefault(above, []).append(str(place))
        parents[str(place)] = above
    said = [
        node(str(place), parents[str(place)], children.get(str(place), []), message.text,
             author={"role": message.role}, create_time=EPOCH + message.seconds)
        for place, message in enumerate(plan)
    ]  # fmt: skip
    veils = [link(name, above, children[name]) for name, above in parents.items() if name.startswith("veil")]
    return [link("root", None, children["root"]), *veils, *said]


def _preorder(plan: list[Planned]) -> list[int]:
    """Places in `plan`, depth first, siblings as planned."""
    children: dict[int | None, list[int]] = {}
    for place, message in enumerate(plan):
        children.setdefault(message.parent, []).append(place)
    order: list[int] = []
    waiting = children[None][::-1]
    while waiting:
        place = waiting.pop()
        order.append(place)
        waiting += children.get(place, [])[::-1]
    return order
