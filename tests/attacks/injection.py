"""Values that would be more than values where somebody trusted them: operators, paths, patterns, lines, names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MARK: Final = "inj7ected"
"""In each of them: what is sent to a store, or written to a log, is looked through for it."""

TEXTS: Final[Mapping[str, str]] = {
    "an operator": f"$gt{MARK}",
    "a field's path": f"${MARK}.password_hash",
    "a variable": f"$$ROOT.{MARK}",
    "an operator as JSON": f'{{"$gt": "{MARK}"}}',
    "a regular expression": f".*{MARK}(a+)+$",
    "a comparison that is always true": f"' || '{MARK}' == '{MARK}",
    "a key pattern": f"*{MARK}*",
    "a hash tag": f"{{{MARK}}}",
    "a Redis command": f"{MARK}\r\nFLUSHALL\r\n",
    "a header": f"{MARK}\r\nSet-Cookie: a=b\r\n\r\n",
    "a line of a log": f'{MARK}\n{{"event": "signed in"}}',
    "ANSI": f"\x1b[31m{MARK}\x1b]0;title\x07",
    "NUL": f"{MARK}\0.png",
    "a dotted key": f"a.{MARK}.b",
    "right to left": f"\u202e{MARK}\u2066\u200b\ufeff",
    "line separators": f"{MARK}\u2028\u2029\x85\x0b",
    "a path": f"../../../../{MARK}/etc/passwd",
    "a Windows path": f"..\\..\\{MARK}\\CON.txt",
    "a prototype": f"__proto__{MARK}",
    "markup": f"<script>{MARK}</script>",
    "a template": f"{{{{{MARK}}}}}%s%n${{jndi:{MARK}}}",
    "a condition": f'true || "{MARK}" == "{MARK}"',
    "very long": MARK * 2_000,
}
"""What a text may be."""

JSON: Final[Mapping[str, Any]] = {
    "greater than": {"$gt": "", MARK: 1},
    "where": {"$where": f"'{MARK}'"},
    "an operator below": {"region": {"$ne": MARK}},
    "an expression": {"$expr": {"$function": {"body": MARK, "args": [], "lang": "js"}}},
    "a regular expression": {"region": {"$regex": f".*{MARK}"}},
    "a dotted key": {f"a.{MARK}": 1},
    "a key with NUL": {f"a\0{MARK}": 1},
    "an empty key": {"": MARK},
    "a prototype": {"__proto__": {MARK: 1}, "constructor": {"prototype": {MARK: 1}}},
    "extended JSON": {"$oid": "0" * 24, "$date": MARK},
    "a list of operators": [{"$gt": MARK}],
    "a huge integer": {MARK: 2**63},
    "a huge float": {MARK: 1.7976931348623157e308},
    "a path as a value": {"region": f"${MARK}"},
}
"""What free-form JSON may be."""


@dataclass(frozen=True)
class Body:
    """A request's body, as it is sent; none is answered with a fault of the server's."""

    name: str
    sent: bytes


def _asked(value: bytes) -> bytes:
    document = b"mutation ($v: JSON) { startConversation(input: {attributes: $v}) { conversation { id } } }"
    return b'{"query": "%b", "variables": {"v": %b}}' % (document, value)


BODIES: Final = (
    Body("100,000 objects deep", _asked(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)),
    Body("100,000 lists deep", _asked(b"[" * 100_000 + b"]" * 100_000)),
    Body("half a surrogate pair", _asked(b'{"a": "\\ud800"}')),
    Body("half a surrogate pair as a key", _asked(b'{"\\udfff": 1}')),
    Body("2^63", _asked(b'{"a": 9223372036854775808}')),
    Body("2^64", _asked(b'{"a": 18446744073709551616}')),
    Body("10^400", _asked(b'{"a": 1' + b"0" * 400 + b"}")),
    Body("1e400", _asked(b'{"a": 1e400}')),
    Body("NaN", _asked(b'{"a": NaN}')),
    Body("Infinity", _asked(b'{"a": -Infinity}')),
    Body("bytes that are no UTF-8", _asked(b'{"a": "\xff\xfe"}')),
    Body("a key twice", _asked(b'{"a": 1, "a": {"$gt": ""}}')),
)
LITERALS: Final[Mapping[str, str]] = {
    "10^400": "1" + "0" * 400,
    "10^5000": "1" + "0" * 5_000,
    "1e400": "1e400",
    "an operator": '{a: {b: "$gt"}}',
    "half a surrogate pair": '"\\ud800"',
    "a long surrogate escape": '"\\u{d800}"',
    "2^63": str(2**63),
}
"""Free-form JSON as it is written into a document, where numbers have no bounds."""
