"""The index finds what a loop over all rules finds, whatever the rules, their order and the moment."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from permissions.authn.principal import new_id
from permissions.authn.revocation.addresses import read_network
from permissions.authn.revocation.criteria import Criteria
from permissions.authn.revocation.index import RuleIndex
from permissions.authn.revocation.judged import Judged
from permissions.authn.revocation.rules import Rule
from permissions.authn.revocation.wire import packed, unpacked
from tests.permissions.authn.revocation.worlds import LONG, RULES, TOKENS, USERS, by_all


def index_of(rules: Sequence[Rule]) -> RuleIndex:
    """They, in this order."""
    index = RuleIndex()
    for rule in rules:
        assert index.add(rule)
        assert not index.add(rule)
    return index


@given(st.lists(RULES, max_size=12), st.lists(TOKENS, min_size=1, max_size=6), st.integers(0, 45))
def test_the_index_agrees_with_a_loop_over_all_rules(rules: list[Rule], tokens: list[Judged], at: int) -> None:
    index, other_order = index_of(rules), index_of(rules[::-1])
    for token in tokens:
        expected = by_all(rules, token, at)
        for each in (index, other_order):
            hit = each.hit(token, at)
            assert (hit is not None) == expected
            assert hit is None or (hit.hits(token) and hit.expires_at > at)


@given(st.lists(RULES, max_size=12), st.lists(TOKENS, min_size=1, max_size=6), st.lists(st.integers(0, 45), max_size=4))
def test_forgetting_rules_that_have_ended_changes_no_answer(
    rules: list[Rule], tokens: list[Judged], moments: list[int]
) -> None:
    index = index_of(rules)
    for at in sorted(moments):
        index.drop_ended(at)
        assert len(index) == sum(rule.expires_at > at for rule in rules)
        for token in tokens:
            assert (index.hit(token, at) is not None) == by_all(rules, token, at)


@given(st.lists(RULES, max_size=12), st.lists(TOKENS, min_size=1, max_size=6))
def test_what_passed_all_rules_of_a_count_passes_until_the_count_changes(
    rules: list[Rule], tokens: list[Judged]
) -> None:
    index, passed = RuleIndex(), set[tuple[int, int]]()
    for rule in rules:
        index.add(rule)
        for number, token in enumerate(tokens):
            hit = index.broad_hit(token, 0)
            assert hit is None or (index.broad, number) not in passed
            if hit is None:
                passed.add((index.broad, number))


@given(RULES)
def test_a_rule_is_the_same_after_a_journey(rule: Rule) -> None:
    assert unpacked(packed(rule)) == rule
    assert packed(unpacked(packed(rule))) == packed(rule)


def test_everything_goes_when_the_last_rule_has_ended() -> None:
    various = [Criteria(user_id=USERS[0], device="phone"), Criteria(everyone=True), Criteria(jti=new_id())]
    various.append(Criteria(network=read_network("192.0.2.0/24")))
    index = index_of([Rule(new_id(), criteria, "x", 1, 2) for criteria in various])
    index.drop_ended(2)
    assert len(index) == 0
    assert not index._plain
    assert not any(index._networks.values())
    assert not any(shelf.rules for shelf in index._narrow.values())


def test_one_rule_stands_for_those_that_it_covers() -> None:
    again = [Rule(new_id(), Criteria(user_id=USERS[0]), "again", made, made + LONG) for made in range(1_000)]
    index = index_of(again)
    assert len(index._by_user[USERS[0]]) == 1
    hit = index.hit(Judged("s", USERS[0], opened=999), 0)
    assert hit is not None
    assert hit.made_at == 999
