"""What is said of conditions that can't be stored: where, why, and what is known."""

import time

import pytest

from permissions.engine.cel.compile import NESTED_FOLDS, compiled, compiled_closed
from permissions.engine.cel.syntax import LARGEST, LONGEST
from permissions.engine.conditions import Broken
from permissions.engine.errors import ConditionError
from permissions.engine.schema import Schema
from tests.permissions.engine.cel.world import FACTS, PAGE, REPORT, USER

SCHEMA = PAGE.schema(USER)
REFUSED: dict[str, tuple[int, int, str]] = {
    # it isn't CEL
    "": (1, 1, "mismatched input '<EOF>'"),
    "user.region ==": (1, 15, "mismatched input '<EOF>'"),
    "user.region ==\n  == 'a'": (2, 3, "extraneous input '=='"),
    "user.region = 'a'": (1, 13, "token recognition error at: '= '"),
    "user.region == 'a": (1, 16, "token recognition error"),
    "user.region == 'a' user": (1, 20, "extraneous input 'user'"),
    "user.region == '\\ud800'": (1, 16, ""),
    "user.region == '\ud800'": (1, 17, "half of a surrogate pair"),
    "user.clearance == 9223372036854775808": (1, 19, "invalid int literal"),
    "has(user)": (1, 5, "has() argument must be a field selection"),
    # names
    "user.regoin == 'a'": (1, 1, "unknown attribute `user.regoin`: did you mean `region`?"),
    "user.region == 'a' && resource.titel == 'b'": (1, 23, "unknown attribute `resource.titel`: did you mean `title`?"),
    "user.region == 'a'\n  && has(env.wether)": (2, 10, "unknown attribute `env.wether`"),
    "usr.region == 'a'": (1, 1, "only `user`, `resource` and `env` have attributes"),
    "resource.title.size == 3": (1, 1, "only `user`, `resource` and `env` have attributes"),
    "usr == 'a'": (1, 1, "unknown name `usr`: did you mean `user`?"),
    "user == 'a'": (1, 1, "`user` is no value: name an attribute of it"),
    "upper(user.region) == 'A'": (1, 1, "unknown function `upper`"),
    "'x' == user.region.upper()": (1, 20, "unknown function `upper`"),
    "resource.`a-b` == 1": (1, 1, "unknown attribute `resource.a-b`"),
    "user.region == resource.größe": (1, 27, "token recognition error at: 'ö'"),
    # types
    "user.region == 3": (1, 13, "can't compare string with number"),
    "3 == user.region": (1, 3, "can't compare number with string"),
    "user.clearance >= resource.title": (1, 16, "can't compare number with string"),
    "user.clearance > null": (1, 16, "null has no order"),
    "resource.public > false": (1, 17, "boolean has no order"),
    "resource.owner_id < user.id": (1, 19, "id has no order"),
    "resource.owner_id == 'a'": (1, 19, "can't compare id with string"),
    "resource.tags == ['a']": (1, 15, "lists can't be compared: use `in`, `exists` or `all`"),
    "resource.tags == 'a'": (1, 15, "lists can't be compared"),
    "user.clearance in ['a']": (1, 16, "can't look for number in a list of string"),
    "user.region in user.region": (1, 13, "can't look for string in string"),
    "user.teams in user.teams": (1, 12, "can't look for list<string> in list<string>"),
    "[['a']] == 1": (1, 2, "a list can't stand in a list"),
    "user.region": (1, 1, "neither true nor false, but string"),
    "user.region && true": (1, 1, "neither true nor false, but string"),
    "!user.clearance": (1, 2, "neither true nor false, but number"),
    "1": (1, 1, "neither true nor false, but number"),
    "null": (1, 1, "neither true nor false, but null"),
    "user.clearance + 'a' == 3": (1, 16, "`+` is not for number, string"),
    "-user.region == 'a'": (1, 1, "`-` is not for string"),
    "user.clearance.startsWith('a')": (1, 16, "`startsWith` is not for number, string"),
    "user.region.startsWith()": (1, 13, "`startsWith` is not for string"),
    "size(3) == 1": (1, 1, "`size` is not for number"),
    "user.region.getHours() == 1": (1, 13, "`getHours` is not for string"),
    "env.time.getHours(2) == 1": (1, 10, "`getHours` is not for timestamp, number"),
    "user.region.exists(r, r == 'a')": (1, 1, "`exists` and `all` are for lists, not for string"),
    "user.teams.exists(t, t == 3)": (1, 24, "can't compare string with number"),
    "user.teams.exists(user, true)": (1, 1, "`user` is taken: choose another variable"),
    "user.teams.exists(t, user.teams.exists(t, true))": (1, 22, "`t` is taken: choose another variable"),
    "ip(env.ip) == ip('10.0.0.1')": (1, 12, "ip can't be compared"),
    "user.clearance == 1u": (1, 19, "no attribute is of type uint"),
    "user.region == b'a'": (1, 16, "no attribute is of type bytes"),
    # what CEL has and conditions don't
    "user.region.matches('(a+)+$')": (1, 13, "regular expressions are left out"),
    "matches(user.region, '(a+)+$')": (1, 1, "regular expressions are left out"),
    "user.teams.map(t, t) == user.teams": (1, 15, "a macro other than `exists`, `all` and `has` can't be used here"),
    "user.teams.exists_one(t, t == 'a')": (1, 22, "a macro other than"),
    "{'a': 1} == user.region": (1, 1, "a map or message can't be used here"),
    "user['region'] == 'a'": (1, 5, "nothing is picked by `[…]`"),
    "user.teams[0] == 'a'": (1, 11, "nothing is picked by `[…]`"),
    "dyn(user.region) == 3": (1, 1, "unknown function `dyn`"),
    # literals that can't be
    "user.clearance == 1 / 0": (1, 19, "division by zero"),
    "user.hired > timestamp('yesterday')": (1, 14, "not a time like 2026-03-02T12:00:00Z: 'yesterday'"),
    "user.hired > timestamp('2026-02-30T12:00:00Z')": (1, 14, "no such time"),
    "user.hired > env.time - duration('1 day')": (1, 25, "not a duration like 1h30m: '1 day'"),
    "cidr('10.0.0.0/33').containsIP(env.ip)": (1, 1, "not a network like 10.0.0.0/8: '10.0.0.0/33'"),
    "cidr('10.0.0.0/8').containsIP('10.0.0')": (1, 1, "not an address: '10.0.0'"),
    "env.time.getHours('Europe/Berln') > 9": (1, 1, "no such time zone: 'Europe/Berln'"),
    "env.time.getHours('../../etc/passwd') > 9": (1, 1, "no such time zone"),
    # what MongoDB can't say
    "resource.level == resource.limit": (1, 19, ""),
    "resource.region == resource.title": (1, 17, "that compares the resource with itself"),
    "resource.level + 1 > user.clearance": (1, 20, "of what is computed from stored attributes"),
    "env.time - resource.made < duration('1h')": (1, 26, "of what is computed from stored attributes"),
    "size(resource.tags) == user.clearance": (1, 21, "of what is computed from stored attributes"),
    "size(resource.tags) > 251": (1, 21, "of what is computed from stored attributes"),
    "user.region.startsWith(resource.region)": (1, 13, "of a part that is stored itself"),
    "resource.tags.exists(t, t == resource.title)": (1, 27, "that compares the resource with itself"),
    "resource.tags.exists(t, t == 'a' && t != 'b')": (1, 1, "of a stored list, but for one comparison of its element"),
    "resource.tags.exists(t, resource.level == 1)": (1, 1, "of a stored list, but for one comparison"),
    "[resource.title].exists(t, true)": (1, 1, "of a computed list"),
    "(resource.level > 1) == true": (1, 22, "of what is computed from stored attributes"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_bad_condition_is_refused_at_the_place_of_its_fault(text: str) -> None:
    line, column, reason = REFUSED[text]

    with pytest.raises(ConditionError) as refused:
        compiled(text, SCHEMA)

    assert reason in refused.value.reason
    assert (refused.value.line, refused.value.column) == (line, column), refused.value


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("user.regoin == 'a'", ("clearance", "hired", "id", "region", "roles", "teams")),
        ("env.weather == 'a'", ("device", "ip", "reason", "session_age", "time")),
        ("upper(user.region) == 'a'", ("cidr", "duration", "ip", "isCIDR", "isIP", "shared", "size", "timestamp")),
        ("user.teams.exists(t, u == 'a')", ("env", "resource", "t", "user")),
        ("env.time.getHours(2) == 1", ("timestamp", "timestamp, time zone")),
    ],
)
def test_what_is_known_is_told(text: str, known: tuple[str, ...]) -> None:
    with pytest.raises(ConditionError) as refused:
        compiled(text, SCHEMA)

    assert refused.value.known == known
    assert f"known: {', '.join(known)}" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "resource.level <= resource.limit",
        "resource.level + 1 > resource.limit",
        "user.region.startsWith(resource.region)",
        "[resource.region, 'a'].exists(r, r == user.region)",
    ],
)
def test_what_mongodb_cannot_say_may_be_said_of_what_is_not_listed_here(text: str) -> None:
    compiled(text, REPORT.schema(USER))


def test_an_open_type_has_any_attribute_and_the_caller_only_those_declared() -> None:
    anything = Schema(USER, open=frozenset({"resource"}))

    compiled("resource.mood == user.region", anything)
    with pytest.raises(ConditionError, match=r"unknown attribute `user\.mood`"):
        compiled("user.mood == resource.region", anything)


HOSTILE = {
    "a megabyte": "user.region == '" + "a" * 1_000_000 + "'",
    "a megabyte of parts": "true" + " && true" * 130_000,
    "10,000 brackets": "(" * 10_000 + "true" + ")" * 10_000,
    "10,000 negations": "!" * 10_000 + "true",
    "as many brackets as fit": "(" * 2000 + "true" + ")" * 2000,
    "as many lists as fit": "[" * 2000 + "]" * 2000,
    "as many calls as fit": "size(" * 600 + ")" * 600,
    "as many choices as fit": "true ? true : " * 280 + "true",
    "as many names as fit": "user" + ".a" * 2000,
    "as many sums as fit": "1" + "+1" * 2000 + " == 1",
    "as many braces as fit": "{" * 4000,
    "as many folds as fit": "user.teams.exists(a," * 180 + "true" + ")" * 180,
    "too many parts": "true" + "||true" * 600,
    "too long a list": f"1 in [{'1,' * (LARGEST + 1)}1]",
    "folds in folds in folds": "user.teams.all(a, user.teams.all(b, user.teams.all(c, true)))",
    "zeros": "\0" * 4000,
    "quotes": "'" * 4095,
    "no end": "'''" + "\\" * 4000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_too_much_is_refused_at_once(name: str) -> None:
    started = time.process_time()

    with pytest.raises(ConditionError):
        compiled(HOSTILE[name], SCHEMA)

    assert time.process_time() - started < 0.5


def test_the_bounds_are_reached() -> None:
    assert compiled("!" * (LONGEST - 4) + "true").test()(FACTS) is True
    assert compiled("true" + "||true" * 499).test()(FACTS) is True
    assert compiled("(" * 30 + "true" + ")" * 30).test()(FACTS) is True
    folds = "".join(f"user.teams.all(v{n}, " for n in range(NESTED_FOLDS)) + "true" + ")" * NESTED_FOLDS
    assert compiled(folds, SCHEMA).test()(FACTS) is True


@pytest.mark.parametrize("stored", ["user.", "user.none()", "(" * 10_000, "", 7, {"op": "all", "of": []}, None])
def test_what_is_stored_and_cannot_be_read_is_broken(stored: object) -> None:
    assert isinstance(compiled_closed(stored), Broken)


def test_what_is_stored_keeps_its_meaning_when_its_schema_changes() -> None:
    assert compiled_closed("user.region == resource.forgotten").test()(FACTS) is not True
    assert compiled_closed("user.region == resource.region").test()(FACTS) is True
