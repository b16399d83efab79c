"""Full passes of the garbage collector are put off, and come again."""

import gc

from api.garbage import COLLECTED
from resolvers.live.collector import FEW_PASSES, RARELY


def test_passes_come_as_before_when_the_last_block_ends() -> None:
    usual = gc.get_threshold()
    with FEW_PASSES:
        with FEW_PASSES:
            assert gc.get_threshold() == RARELY
        assert gc.get_threshold() == RARELY
    assert gc.get_threshold() == usual != RARELY


def test_what_is_made_for_thousands_sets_no_full_pass_off() -> None:
    full = list[bool]()

    def seen(phase: str, info: dict[str, int]) -> None:
        full.append(info["generation"] == 2)

    gc.freeze()
    gc.collect()  # nothing is left that a pass would be long for, so it comes soon
    gc.callbacks.append(seen)
    try:
        with FEW_PASSES:
            kept = [[number] for number in range(200_000)]
        few, more = list(full), [[number] for number in range(200_000)]
    finally:
        gc.callbacks.remove(seen)
        gc.unfreeze()
    assert few
    assert not any(few)
    assert any(full)
    assert len(kept) == len(more)


def test_a_full_pass_that_was_nearly_due_does_not_come_at_once() -> None:
    """A worker lets more passes of the second generation go by than Python: so many have been counted by then."""
    full = list[bool]()
    usual = gc.get_threshold()
    gc.set_threshold(*COLLECTED)
    gc.freeze()
    gc.collect()
    gc.callbacks.append(lambda phase, info: full.append(info["generation"] == 2))
    try:
        before = [[number] for number in range(COLLECTED[0] * COLLECTED[1] * (COLLECTED[2] - 5))]
        assert gc.get_count()[2] > COLLECTED[2] / 2
        full.clear()
        with FEW_PASSES:
            kept = [[number] for number in range(4 * RARELY[0] * RARELY[1])]
    finally:
        gc.callbacks.pop()
        gc.set_threshold(*usual)
        gc.unfreeze()
    assert len(before) + len(kept) > len(full) > 0
    assert not any(full)
