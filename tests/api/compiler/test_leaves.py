"""What is written faster is written the same."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from api.compiler.leaves import moment

ZONES = st.sampled_from([None, UTC, timezone(timedelta(hours=2)), timezone(timedelta(seconds=1)), timezone.utc])  # noqa: UP017


@given(st.datetimes(), ZONES)
def test_moments_are_written_as_ever(value: datetime, zone: timezone | None) -> None:
    value = value.replace(tzinfo=zone)
    assert moment(value) == value.isoformat()
