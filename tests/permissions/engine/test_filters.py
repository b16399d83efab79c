"""Filters as values."""

from permissions.engine.filters import EVERYTHING, NOTHING, both, either, equalities, neither

A = {"a": {"$eq": 1}}
B = {"b": {"$eq": 2}}
OTHER_A = {"a": {"$gte": 0}}


def test_constants_vanish() -> None:
    assert both() == both(EVERYTHING, EVERYTHING) == EVERYTHING
    assert both(A, EVERYTHING) == A
    assert both(A, NOTHING) is NOTHING
    assert either() is either(NOTHING) is NOTHING
    assert either(A, NOTHING) == A
    assert either(A, EVERYTHING) == EVERYTHING
    assert neither() == neither(NOTHING) == EVERYTHING
    assert neither(A, EVERYTHING) is NOTHING


def test_conjunctions_stay_flat_as_far_as_they_can() -> None:
    assert both(A, B) == {**A, **B}
    assert both(A, A) == A
    assert both(A, OTHER_A) == {**A, "$and": [OTHER_A]}
    assert both(neither(A), neither(B)) == {"$nor": [A, B]}
    assert both(either(A, B), either(A, OTHER_A)) == {"$or": [A, B], "$and": [{"$or": [A, OTHER_A]}]}


def test_disjunctions_are_taken_apart() -> None:
    assert either(either(A, B), B, OTHER_A) == {"$or": [A, B, OTHER_A]}


def test_two_negations_are_none() -> None:
    assert neither(neither(A, B)) == {"$or": [A, B]}


def test_one_and_true_are_two_filters() -> None:
    one, true = {"a": {"$in": [1]}}, {"a": {"$in": [True]}}

    assert either(one, true) == {"$or": [one, true]}
    assert both(one, true) == {**one, "$and": [true]}


def test_equalities_are_found_on_the_top_level_and_one_below() -> None:
    scope = both(A, B, OTHER_A, {"a": {"$eq": 1, "$type": ["int"]}}, either(A, {"c": {"$eq": 3}}))

    assert scope is not None
    assert equalities(scope) == {"a": 1, "b": 2}
