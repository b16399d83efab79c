"""Weekly hours on the clock of a place."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permissions.engine.errors import WindowError
from permissions.engine.facts import Assignment, Subject
from permissions.engine.windows import Window

OFFICE = "MO-FR 09:00-17:00 Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "moment", "open_"),
    [
        # Winter in Berlin is UTC+1; 2026-03-02 is a Monday.
        (OFFICE, "2026-03-02T07:59:59.999", False),
        (OFFICE, "2026-03-02T08:00", True),
        (OFFICE, "2026-03-02T15:59:59.999", True),
        (OFFICE, "2026-03-02T16:00", False),
        (OFFICE, "2026-03-06T12:00", True),
        (OFFICE, "2026-03-07T12:00", False),
        # Summer is UTC+2.
        (OFFICE, "2026-07-06T07:00", True),
        (OFFICE, "2026-07-06T15:00", False),
        # Lists, ranges over the week's end, whole days.
        ("MO,WE-FR 00:00-24:00 UTC", "2026-03-02T23:59", True),
        ("MO,WE-FR 00:00-24:00 UTC", "2026-03-03T12:00", False),
        ("SA-MO 00:00-24:00 UTC", "2026-03-02T12:00", True),
        ("SA-MO 00:00-24:00 UTC", "2026-03-03T00:00", False),
        # Over midnight: Friday's night ends on Saturday.
        ("FR 22:00-06:00 UTC", "2026-03-06T22:00", True),
        ("FR 22:00-06:00 UTC", "2026-03-07T05:59", True),
        ("FR 22:00-06:00 UTC", "2026-03-07T06:00", False),
        ("FR 22:00-06:00 UTC", "2026-03-06T05:00", False),
        ("SU 22:00-06:00 UTC", "2026-03-02T01:00", True),
        ("MO 22:00-00:00 UTC", "2026-03-02T23:00", True),
        # Another day there than here.
        ("TU 06:00-07:00 Pacific/Auckland", "2026-03-02T17:30", True),
        # Several.
        ("MO 08:00-09:00 UTC; MO 10:00-11:00 UTC", "2026-03-02T10:30", True),
        ("MO 08:00-09:00 UTC; MO 10:00-11:00 UTC", "2026-03-02T09:30", False),
        ("MO 08:00-09:00 UTC;MO 08:00-09:00 Asia/Kathmandu", "2026-03-02T02:20", True),
    ],
)
def test_it_is_open_when_the_clock_there_says_so(window: str, moment: str, open_: bool) -> None:
    assert Window.parse(window).open(at(moment)) is open_


SUNDAY_NIGHT = Window.parse("SU 01:30-03:30 Europe/Berlin")


def minutes_open(window: Window, day: str) -> list[str]:
    """The UTC minutes of a day at which the window opens or closes."""
    start = at(day)
    states = [(start + timedelta(minutes=n), window.open(start + timedelta(minutes=n))) for n in range(-1, 1440)]
    return [later[0].strftime("%H:%M") for before, later in pairwise(states) if before[1] != later[1]]


def test_the_hour_that_spring_skips_is_skipped() -> None:
    """On 2026-03-29 Berlin's clocks go from 02:00 to 03:00, at 01:00 UTC."""
    assert minutes_open(SUNDAY_NIGHT, "2026-03-29") == ["00:30", "01:30"]
    assert minutes_open(Window.parse("SU 02:00-03:00 Europe/Berlin"), "2026-03-29") == []


def test_the_hour_that_autumn_repeats_counts_twice() -> None:
    """On 2026-10-25 Berlin's clocks go from 03:00 back to 02:00, at 01:00 UTC."""
    assert minutes_open(Window.parse("SU 02:00-03:00 Europe/Berlin"), "2026-10-25") == ["00:00", "02:00"]
    assert minutes_open(SUNDAY_NIGHT, "2026-10-25")[-1] == "02:30"


def test_office_hours_begin_at_nine_on_both_sides_of_a_turn() -> None:
    window = Window.parse(OFFICE)
    assert [minutes_open(window, day) for day in ("2026-03-27", "2026-03-30")] == [
        ["08:00", "16:00"],
        ["07:00", "15:00"],
    ]
    assert [minutes_open(window, day) for day in ("2026-10-23", "2026-10-26")] == [
        ["07:00", "15:00"],
        ["08:00", "16:00"],
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not like"),
        ("always", "is not like"),
        ("MO-FR 9:00-17:00 Europe/Berlin", "is not like"),
        ("MO-FR 09:00-17:00", "is not like"),
        ("MO-FR 09:00-17:00 UTC;", "is not like"),
        ("XX 09:00-17:00 UTC", "days"),
        ("MO-XX 09:00-17:00 UTC", "days"),
        ("MO- 09:00-17:00 UTC", "days"),
        ("MO,,TU 09:00-17:00 UTC", "days"),
        ("MO 09:60-17:00 UTC", "no clock shows"),
        ("MO 09:00-24:01 UTC", "no clock shows"),
        ("MO 09:00-17:00 Europe/Atlantis", "unknown time zone"),
        ("MO 09:00-17:00 /etc/passwd", "unknown time zone"),
        ("MO 09:00-17:00 Europe", "unknown time zone"),
        ("MO 09:00-09:00 UTC", "never opens"),
        ("MO 24:00-09:00 UTC", "never opens"),
        (";".join(["MO 09:00-10:00 UTC"] * 9), "more than 8 parts"),
        ("MO" * 1000, "longer than 500"),
    ],
)
def test_what_is_no_window_says_why(text: str, reason: str) -> None:
    with pytest.raises(WindowError) as refused:
        Window.parse(text)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("start", "end", "opens"),
    [
        ("2026-03-07T00:00", "2026-03-09T07:59", False),  # Saturday until Monday before nine
        ("2026-03-07T00:00", "2026-03-09T08:00", False),
        ("2026-03-07T00:00", "2026-03-09T08:00:00.001", True),
        ("2026-03-06T15:59:30", "2026-03-06T23:00", True),
        ("2026-03-06T16:00", "2026-03-07T16:00", False),
        ("2026-03-07T00:00", "2026-04-07T00:00", True),
    ],
)
def test_it_knows_whether_it_opens_in_a_period(start: str, end: str, opens: bool) -> None:
    assert Window.parse(OFFICE).opens(at(start), at(end)) is opens
    assert Window.parse(OFFICE).opens(at(start), None)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - has one
def test_a_window_and_its_complement_take_turns(moment: datetime) -> None:
    day = "MO-SU 08:15-19:45 America/New_York"
    night = "MO-SU 19:45-08:15 America/New_York"
    assert Window.parse(day).open(moment) is not Window.parse(night).open(moment)


def test_a_role_is_held_while_the_window_of_its_assignment_is_open() -> None:
    subject = Subject("u", (Assignment("clerk", valid_from=at("2026-03-03T00:00"), window=Window.parse(OFFICE)),))
    assert subject.roles_at(at("2026-03-02T12:00")) == ()
    assert subject.roles_at(at("2026-03-03T12:00")) == ("clerk",)
    assert subject.roles_at(at("2026-03-03T18:00")) == ()


def test_at_the_end_of_the_calendar_it_is_closed() -> None:
    assert not Window.parse("MO-SU 00:00-24:00 Pacific/Auckland").open(datetime.max.replace(tzinfo=UTC))
