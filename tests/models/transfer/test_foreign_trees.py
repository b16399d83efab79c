"""Any tree, rendered as Open WebUI or LibreChat would export it, comes back as it was; and no junk stops the rest."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.transfer.transcript import Transcript
from models.tree.draft import TreeLimits
from tests.models.transfer.exports import drawn
from tests.models.transfer.foreign import (
    Read,
    answer,
    chat,
    message,
    read_librechat,
    read_openwebui,
    reply,
    spoken,
    talk,
)

Parents = list[int | None]


@st.composite
def forests(draw: st.DrawFn) -> Parents:
    """The parent of each of up to 30 messages, all before their children."""
    size = draw(st.integers(1, 30))
    return [draw(st.none() | st.integers(0, place - 1)) if place else None for place in range(size)]


def _draw(parents: Parents) -> str:
    def one(place: int) -> str:
        below = " ".join(one(child) for child, parent in enumerate(parents) if parent == place)
        return f"{place}({below})" if below else str(place)

    return " ".join(one(place) for place, parent in enumerate(parents) if parent is None)


def _openwebui(parents: Parents, random: Any) -> list[Any]:
    made = []
    for place, parent in enumerate(parents):
        children = [str(child) for child, above in enumerate(parents) if above == place]
        say = random.choice([message, answer])
        made.append(say(str(place), None if parent is None else str(parent), children))
    roots = [each for each in made if each["parentId"] is None]
    others = [each for each in made if each["parentId"] is not None]
    random.shuffle(others)
    return [chat(*roots, *others, current=str(len(parents) - 1))]


def _librechat(parents: Parents, random: Any) -> Any:
    def say(place: int, parent: int | None) -> dict[str, Any]:
        return random.choice([reply, spoken])(str(place), None if parent is None else str(parent))  # type: ignore[no-any-return]

    return talk(*(say(place, parent) for place, parent in enumerate(parents)))


def _nested(parents: Parents, random: Any) -> Any:
    made = list(_librechat(parents, random)["messages"])
    for place, parent in reversed(list(enumerate(parents))):
        made[place].setdefault("children", [])
        if parent is not None:
            made[parent].setdefault("children", []).insert(0, made[place])
    return talk(*(made[place] for place, parent in enumerate(parents) if parent is None), recursive=True)


@dataclass(frozen=True)
class Kind:
    render: Callable[[Parents, Any], Any]
    read: Callable[[Any], Read]


KINDS = {
    "openwebui": Kind(_openwebui, read_openwebui),
    "librechat": Kind(_librechat, read_librechat),
    "recursive": Kind(_nested, read_librechat),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
@settings(deadline=None, max_examples=25)
@given(forests(), st.randoms(use_true_random=False))
def test_every_branch_comes_back_in_order(kind: Kind, parents: Parents, random: Any) -> None:
    (transcript,), refusals = kind.read(json.dumps(kind.render(parents, random)))
    assert not refusals
    assert drawn(transcript) == _draw(parents)
    assert transcript.chosen is not None


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from("abc"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["text", "type", "id", "role", "children", "content", "value", "think"]), inner
        )
    ),
    max_leaves=8,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in inner for found in _paths(each, (*path, key)))]


RICH = {
    "openwebui": chat(
        message("a", None, ["b"], files=[{"type": "image", "url": "data:,x"}]),
        answer("b", "a", ["c"], usage={"prompt_tokens": 1, "total_duration": 5}, error={"content": "x"},
               output=[{"type": "reasoning", "content": [{"text": "hm"}]}], merged={"content": "m"}),
        message("c", "b", content=[{"type": "text", "text": "t"}, {"type": "image_url", "image_url": {"url": "u"}}]),
        current="c", tags=["x"],
    ),
    "librechat": talk(
        reply("a", None, files=[{"file_id": "f"}]),
        spoken("b", "a", content=[{"type": "think", "think": "hm"}, {"type": "text", "text": {"value": "x"}},
                                  {"type": "tool_call", "tool_call": {"name": "t", "args": {}}},
                                  {"type": "error", "error": "e"}, {"type": "image_file", "image_file": {"x": 1}}]),
        spoken("c", "b", children=[reply("d", "c", children=[])]), tags=["x"],
    ),
}  # fmt: skip


def _with(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    """A copy of `value` with `junk` at `path`, if there still is such a place."""
    if not path:
        return junk
    made = dict(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else value
    if isinstance(made, dict | list) and (path[0] in made if isinstance(made, dict) else path[0] in range(len(made))):
        made[path[0]] = _with(made[path[0]], path[1:], junk)
    return made


@pytest.mark.parametrize("name", RICH)
@settings(deadline=None, max_examples=60)
@given(st.data())
def test_no_value_anywhere_stops_the_rest(name: str, data: st.DataObject) -> None:
    export: Any = RICH[name]
    for _ in range(data.draw(st.integers(1, 4))):
        export = _with(export, data.draw(st.sampled_from(_paths(RICH[name]))), data.draw(JUNK))
    last = KINDS[name].render([None, 0], _First())
    transcripts, _ = KINDS[name].read(json.dumps([export, *(last if isinstance(last, list) else [last])]))
    assert drawn(transcripts[-1]) == "0(1)"
    for transcript in transcripts:
        _check(transcript)


class _First:
    """No randomness."""

    @staticmethod
    def choice(of: Any) -> Any:
        return of[0]

    @staticmethod
    def shuffle(of: Any) -> None:
        of.reverse()


def _check(transcript: Transcript) -> None:
    for place, sprout in enumerate(transcript.sprouts):
        assert sprout.parent is None or sprout.parent < place
        sprout.draft().check(TreeLimits())
