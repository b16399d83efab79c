"""Full passes of the garbage collector are put off, and come again."""

import gc

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
