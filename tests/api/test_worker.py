"""A worker's process."""

import gc

from api.worker import settle


def test_a_full_collection_looks_at_nothing_that_was_loaded_before_the_worker_was_ready() -> None:
    kept = [{"loaded": True}]
    frozen = gc.get_freeze_count()
    try:
        settle()
        assert gc.get_freeze_count() > frozen
        assert not any(each is kept for each in gc.get_objects())
        assert len(gc.get_objects()) < 1_000
    finally:
        gc.unfreeze()
