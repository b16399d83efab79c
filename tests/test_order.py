"""Long modules begin a run of several processes."""

from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from tests.order import LONG, TESTS, WHOLE, Scheduling, pytest_collection_modifyitems

MANY, FEW = TESTS / "many.py", TESTS / "few.py"


def ordered(config: Any) -> list[str]:
    """The modules' names as they come, where they were found in another order."""
    long, first = TESTS / LONG[1], TESTS / LONG[0]
    assert long.is_file()
    items: list[Any] = [SimpleNamespace(path=path) for path in (FEW, MANY, MANY, long, long, long, first)]
    pytest_collection_modifyitems(config, items)
    return list(dict.fromkeys(item.path.relative_to(TESTS).as_posix() for item in items))


def test_all_of_them_are_there() -> None:
    assert [name for name in LONG if not (TESTS / name).exists()] == []
    assert [name for name in WHOLE if not (TESTS.parent / name).is_dir()] == []


def test_a_folder_that_shares_a_server_goes_to_one_process() -> None:
    scope = partial(Scheduling._split_scope, cast(Any, None))
    assert {scope(f"{WHOLE[0]}test_{name}.py::test_it[1]") for name in ("a", "b")} == {WHOLE[0]}
    assert {scope("tests/a.py::test_it"), scope("tests/b.py::test_it")} == {"tests/a.py", "tests/b.py"}


def test_several_processes_begin_with_what_takes_long_and_end_with_what_is_small() -> None:
    assert ordered(SimpleNamespace(workerinput={})) == [LONG[0], LONG[1], "many.py", "few.py"]


def test_one_process_keeps_the_order() -> None:
    assert ordered(SimpleNamespace()) == ["few.py", "many.py", LONG[1], LONG[0]]
