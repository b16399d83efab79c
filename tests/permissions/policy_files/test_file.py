"""Policy files: what is right, what is wrong and where, without any store."""

from pathlib import Path

import pytest

from permissions.policy_files.errors import PolicyFileError
from permissions.policy_files.file import PolicyFile
from permissions.state import State

SALES = Path(__file__).with_name("sales.yaml").read_text()


def wrong(text: str) -> list[str]:
    """All that is wrong, a line each."""
    try:
        problems = PolicyFile.parse(text.encode()).problems(State())
    except ExceptionGroup as group:
        problems = [each for each in group.exceptions if isinstance(each, PolicyFileError)]
    except PolicyFileError as error:
        problems = [error]
    said = [each.at("f") for each in problems]
    assert not [each for each in said if "\n" in each]
    return said


def test_the_example_is_right_and_its_tests_pass() -> None:
    file = PolicyFile.parse(SALES.encode())
    assert file.problems(State()) == []
    assert (len(file.types), len(file.roles), len(file.policies), file.cases) == (1, 2, 2, 4)


def test_an_empty_list_of_everything_is_right() -> None:
    assert wrong("roles: []\n") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rolls: []", "f:1:1: unknown key `rolls`"),
        ("roles:\n  - name: a\n    inherit: [b]", "f:3:5: unknown key `inherit`"),
        ("roles:\n  - inherits: []", "f:2:5: `name` is missing"),
        ("roles: [{name: 7}]", "f:1:16: roles.0.name: Input should be a valid string"),
        ("- x", "f:1:1: the file: Input should be"),
        (
            "policies: [{name: a, effect: maybe, actions: ['*']}]",
            "f:1:30: policies.0.effect: Input should be 'allow' or",
        ),
        ("roles:\n  - name: a\n  - name: a", "f:3:11: `a` is there twice in `roles`"),
        ("roles: [{name: 1a}]", "f:1:16: "),
        (
            "roles:\n  - name: a\n    grants:\n      - action: moon:walk",
            "f:4:17: action: unknown type of resource: `moon`",
        ),
        ("policies: [{name: a, effect: deny, actions: ['user:fly']}]", "f:1:45: actions: unknown action: `user:fly`"),
        ("roles: [{name: a, inherits: [b]}]", "f:1:29: role `a` inherits from unknown role `b`"),
        (
            "roles: [{name: a, inherits: [b]}, {name: b, inherits: [a]}]",
            "f:1:29: role inherits from itself: a → b → a",
        ),
        ("resource_types: [{name: user, actions: [fly]}]", "f:1:25: name: `user` is built in"),
        ("resource_types: [{name: x, actions: [Fly]}]", "f:1:18: not a name of lower case letters"),
        (
            "policies: [{name: a, effect: deny, actions: ['user:read'], when: user.regoin == 'x'}]",
            "f:1:66: when: line 1, column ",
        ),
        (
            "roles:\n  - name: a\n    grants:\n      - {action: 'user:read', condition: 1 +}",
            "f:4:42: condition: line 1, column ",
        ),
        ("tests: [{name: t, action: 'user:*', effect: deny}]", "test `t`: asks for a pattern of actions"),
        ("tests: [{name: t, action: 'user:fly', effect: deny}]", "f:1:9: test `t`: unknown action: `user:fly`"),
        (
            "tests: [{name: t, action: 'user:read', effect: deny, subject: {roles: [x]}}]",
            "f:1:9: test `t`: unknown role `x`",
        ),
        (
            "tests: [{name: t, action: 'user:read', effect: deny, strategy: luck}]",
            "f:1:9: test `t`: unknown strategy `luck`",
        ),
        (
            "tests: [{name: t, action: 'user:read', effect: allow}]",
            "f:1:9: test `t`: wanted allow, but it is denied: no rule allows it",
        ),
        (
            "tests: [{name: t, action: 'user:read', effect: deny, resource: {attributes: {$where: 1}}}]",
            "test `t`: has a key that is empty, begins with `$`",
        ),
        ("x" * 1_000_000, "f: is larger than 512 KiB"),
    ],
)
def test_bad_input_is_one_line_that_says_where(text: str, said: str) -> None:
    (line,) = wrong(text)
    assert said in line


def test_an_unknown_attribute_says_what_is_known() -> None:
    (line,) = wrong(SALES.replace("unless: user.clearance", "unless: user.clarence"))
    assert "unless: line 1, column " in line
    assert "clearance" in line


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(wrong("roles: [{name: 1a}, {name: b, grants: [{action: moon:walk}, {action: sun:rise}]}]")) == 3


def test_a_policy_is_tested_as_if_it_counted_whatever_its_mode() -> None:
    text = SALES.replace("    unless: user.clearance", "    mode: shadow\n    unless: user.clearance")
    assert wrong(text) == []


def test_a_test_that_wants_other_rules_to_decide_fails() -> None:
    (line,) = wrong(SALES.replace('["policy cleared_forecasts"]', '["role chief_forecaster: allow forecast:*"]'))
    assert "wanted it decided by role chief_forecaster: allow forecast:*, but it is denied by policy cleared" in line


def test_a_file_stands_on_the_rules_that_are_there() -> None:
    base = PolicyFile.parse(SALES.encode()).over(State())
    more = PolicyFile.parse(b"roles: [{name: deputy, inherits: [chief_forecaster]}]")
    assert more.problems(base) == []
    assert more.problems(State()) != []


def test_a_thousand_tests_are_run_in_a_moment() -> None:
    one = "  - {name: t%d, action: 'user:read', subject: {attributes: {clearance: 1}}, effect: deny}\n"
    assert wrong("tests:\n" + "".join(one % number for number in range(1_000))) == []
