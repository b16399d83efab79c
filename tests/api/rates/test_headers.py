"""What clients are told of what they have left."""

from api.rates.headers import rate_headers, rate_lines
from api.rates.rates import Verdict


def test_what_is_written_in_one_piece_are_the_headers() -> None:
    for verdict in (Verdict(1_000, 12, 7), Verdict(20_000_000_000, 0, 0), Verdict(1, 1, 60)):
        assert rate_lines(verdict) == b"".join(b"%b: %b\r\n" % header for header in rate_headers(verdict))
