"""Long modules begin a run of several processes."""

from types import SimpleNamespace
from typing import Any

from tests.order import LONG, TESTS, pytest_collection_modifyitems

MANY, FEW = TESTS / "many.py", TESTS / "few.py"


def ordered(config: Any) -> list[str]:
    """The modules' names as they come, where they were found in another order."""
    long, first = TESTS / LONG[1], TESTS / LONG[0]
    items: list[Any] = [SimpleNamespace(path=path) for path in (FEW, MANY, MANY, long, long, long, first)]
    pytest_collection_modifyitems(config, items)
    return list(dict.fromkeys(item.path.relative_to(TESTS).as_posix() for item in items))


def test_all_of_them_are_there() -> None:
    assert [name for name in LONG if not (TESTS / name).is_file()] == []


def test_several_processes_begin_with_what_takes_long_and_end_with_what_is_small() -> None:
    assert ordered(SimpleNamespace(workerinput={})) == [LONG[0], LONG[1], "many.py", "few.py"]


def test_one_process_keeps_the_order() -> None:
    assert ordered(SimpleNamespace()) == ["few.py", "many.py", LONG[1], LONG[0]]
