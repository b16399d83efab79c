"""Packing, clocks, percentiles and limits: what tallies become."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bucket import MAX_COUNT, MessageRole
from models.usage import counting as counting_module
from models.usage.counting import Counting
from models.usage.errors import TooMuchUsageError
from models.usage.figures import Figures
from models.usage.packing import NARROW, Tally, milliseconds, pack
from models.usage.question import UsageDimension, UsageQuestion
from models.usage.reach import Seen
from models.usage.reading import Sheet
from models.usage.zones import Clock

AT = datetime(2026, 1, 1, tzinfo=UTC)
LOCAL = AT.replace(tzinfo=None)
ZONES = (
    "Europe/Berlin",
    "Asia/Kathmandu",
    "Africa/Monrovia",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/New_York",
)


def said(at: datetime = AT, **metadata: Any) -> dict[str, Any]:
    return {"role": "assistant", "created_at": at, "metadata": metadata}


def sheet(*messages: dict[str, Any], metadata: bool = True, tags: tuple[str, ...] = (), stop: int = 2**31) -> Sheet:
    conversation = Seen(ObjectId(), ObjectId(), tags, metadata, ())
    return Sheet(conversation, 0, stop, Tally.read(pack(messages).data))


def counted(*sheets: Sheet, by: tuple[UsageDimension, ...] = ()) -> Counting:
    counting = Counting(UsageQuestion(by))
    counting.add(sheets)
    return counting


def total(*sheets: Sheet) -> Figures:
    return counted(*sheets).total.figures(1)[0]


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    moments=st.lists(
        st.datetimes(LOCAL.replace(year=3), LOCAL.replace(year=9990))
        | st.datetimes(LOCAL.replace(year=1900), LOCAL.replace(year=2040)),
        min_size=1,
        max_size=20,
    ),
)
def test_a_clock_shows_what_the_library_shows(zone: str, moments: list[datetime]) -> None:
    """At instants of any age; offsets of whole seconds, of before there were time zones, among them."""
    exact = [moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000) for moment in moments]
    shown = Clock(ZoneInfo(zone)).local(np.array([milliseconds(moment) for moment in exact], np.int64))
    local = [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC) for moment in exact]
    assert shown.tolist() == [milliseconds(moment) for moment in local]


def test_clocks_at_the_instant_at_which_they_are_changed() -> None:
    change = datetime(2026, 3, 29, 1, tzinfo=UTC)
    moments = [milliseconds(change) - 1, milliseconds(change)]
    local = Clock(ZoneInfo("Europe/Berlin")).local(np.array(moments, np.int64))
    assert (local - moments).tolist() == [3_600_000, 7_200_000]


def test_a_message_takes_fifteen_bytes_and_its_tally_what_names_take() -> None:
    short = pack([said(llm_model="model", latency_ms=5)] * 50)
    assert len(short.data) == 50 * NARROW.itemsize + 15 + 4 + 5
    assert NARROW.itemsize == 15


def test_sums_beyond_32_bits() -> None:
    most = {"tokens_in": MAX_COUNT, "tokens_out": MAX_COUNT, "latency_ms": MAX_COUNT}
    found = total(*[sheet(*[said(AT + timedelta(days=365 * n), **most) for n in range(50)]) for _ in range(20)])
    assert (found.tokens_in, found.tokens_used) == (1000 * MAX_COUNT, 2000 * MAX_COUNT)
    assert found.latencies == (MAX_COUNT, MAX_COUNT, MAX_COUNT)


@pytest.mark.parametrize(
    ("latencies", "wanted"),
    [
        ([7], (7, 7, 7)),
        ([1, 2], (1, 2, 2)),
        (range(1, 101), (50, 95, 99)),
        (range(1, 102), (51, 96, 100)),
        ([0] * 99 + [9], (0, 0, 0)),
    ],
)
def test_percentiles_are_by_nearest_rank(latencies: list[int], wanted: tuple[int, int, int]) -> None:
    assert total(sheet(*[said(latency_ms=each) for each in reversed(latencies)])).latencies == wanted


def test_where_metadata_may_not_be_read_messages_count_and_nothing_else() -> None:
    hidden = sheet(said(llm_model="secret", tokens_used=5, latency_ms=7), metadata=False)
    known = sheet(said(llm_model="open", tokens_used=1, latency_ms=2))
    groups = counted(hidden, known, by=(UsageDimension.MODEL,)).groups()
    assert groups == {
        (None,): Figures(messages=1, withheld=1),
        ("open",): Figures(1, 0, 0, 0, 1, 1, (2, 2, 2)),
    }


def test_a_message_counts_for_each_tag_and_once_in_all() -> None:
    counting = counted(sheet(said(), tags=("a", "b")), sheet(said()), by=(UsageDimension.TAG,))
    assert {name: each.messages for (name,), each in counting.groups().items()} == {"a": 1, "b": 1, None: 1}
    assert counting.total.figures(1)[0].messages == 2


def test_what_lies_beyond_a_stop_is_not_seen() -> None:
    assert total(sheet(*[said()] * 5, stop=3)).messages == 3
    assert total(sheet(said(), stop=0)).messages == 0


def test_deleted_ones_keep_their_place_and_do_not_count() -> None:
    gone, rest = said() | {"deleted_at": AT}, {"role": "user", "created_at": AT, "removed": True}
    assert total(sheet(gone, said(), rest, said(), stop=3)).messages == 1
    assert pack([gone]).since is None


def test_too_many_groups_and_too_long_names_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = sheet(*[said(AT + timedelta(hours=n)) for n in range(50)])
    monkeypatch.setattr(counting_module, "MOST_GROUPS", 49)
    with pytest.raises(TooMuchUsageError, match="more than 49 groups"):
        counted(hours, by=(UsageDimension.HOUR,))
    assert len(counted(hours, by=(UsageDimension.DAY,)).groups()) == 3
    monkeypatch.setattr(counting_module, "MOST_NAMES", 10)
    with pytest.raises(TooMuchUsageError, match="groups"):
        counted(sheet(said(llm_model="x" * 11)), by=(UsageDimension.MODEL,))


def test_too_many_messages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting_module, "MOST_MESSAGES", 5)
    with pytest.raises(TooMuchUsageError, match="more than 5 messages"):
        total(sheet(*[said()] * 3), sheet(*[said()] * 3))


def test_hours_of_a_zone_begin_on_its_own_hours() -> None:
    counting = Counting(UsageQuestion((UsageDimension.HOUR,), ZoneInfo("Asia/Kathmandu")))
    counting.add([sheet(said(datetime(2026, 1, 1, 12, 20, tzinfo=UTC)))])
    assert list(counting.groups()) == [(milliseconds(datetime(2026, 1, 1, 12, 15, tzinfo=UTC)),)]


def test_roles_are_told() -> None:
    user = said() | {"role": "user"}
    groups = counted(sheet(said(), user), by=(UsageDimension.ROLE,)).groups()
    assert {key: each.messages for key, each in groups.items()} == {(MessageRole.ASSISTANT,): 1, (MessageRole.USER,): 1}
