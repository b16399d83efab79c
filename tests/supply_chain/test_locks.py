"""What may be installed: one version of each package, by its digest, the same for everybody."""

import importlib.metadata
import re

import pytest

from tests.supply_chain.locks import (
    FOLDER,
    ROOT,
    build_requirements,
    constraints,
    direct,
    embedded_requirements,
    pins,
    project,
)

LOCKS = ("runtime", "embedded", "build", "development", "tools")
ABOUT = project()


@pytest.mark.parametrize("lock", LOCKS)
def test_each_pin_has_digests_and_comes_once(lock: str) -> None:
    locked = pins(lock)
    assert locked
    assert [pin.name for pin in locked if not pin.digests] == []
    assert len({pin.name for pin in locked}) == len(locked)


def test_no_lock_names_where_packages_come_from() -> None:
    for path in FOLDER.glob("*.txt"):
        assert re.findall(r"://|--index|--find-links|--extra|--trusted| @ ", path.read_text()) == [], path


def test_what_the_project_asks_for_is_locked() -> None:
    extras = ABOUT["project"]["optional-dependencies"]
    asked = {
        "runtime": ABOUT["project"]["dependencies"],
        "development": [*ABOUT["project"]["dependencies"], *extras["test"], *extras["check"], *extras["bench"]],
        "embedded": embedded_requirements(),
        "build": build_requirements(),
        "tools": ABOUT["dependency-groups"]["tools"],
    }
    assert asked.keys() == set(LOCKS)
    for lock, requirements in asked.items():
        assert direct(requirements) - {pin.name for pin in pins(lock)} == set(), f"{lock}: make lock"


def test_what_is_developed_with_is_what_is_shipped() -> None:
    developed = {pin.name: pin for pin in pins("development")}
    shipped = {pin.name: pin for pin in pins("runtime")}
    assert {name for name, pin in shipped.items() if developed[name].version != pin.version} == set()
    assert {name for name, pin in shipped.items() if developed[name].digests != pin.digests} == set()


def test_the_constraints_are_the_locked_versions() -> None:
    assert (ROOT / "constraints.txt").read_text().splitlines() == constraints(), "make lock"


def test_what_is_installed_here_is_what_is_locked() -> None:
    locked = {pin.name: pin.version for lock in ("runtime", "embedded", "build", "development") for pin in pins(lock)}
    here = {re.sub(r"[-_.]+", "-", found.name).lower(): found.version for found in importlib.metadata.distributions()}
    assert {name: here[name] for name in locked.keys() & here.keys() if here[name] != locked[name]} == {}


def test_nothing_is_installed_without_its_digest() -> None:
    """By the Makefile and for the image: each call of pip wants digests, or takes nothing but Parley itself."""
    for name in ("Makefile", "Dockerfile"):
        text = (ROOT / name).read_text().replace("\\\n", " ")
        calls = re.findall(r"(?:\$\(PIP\)|\$\(LOCKED\)|pip (?:--\S+ \S+ )?install|pip wheel)[^|&]*", text)
        calls = [call for call in calls if not call.startswith("pip install\n")]
        assert len(calls) >= 3, name
        for call in calls:
            assert re.search(
                r"LOCKED|--require-hashes|--no-deps .*(-e \.|/wheels/\*\.whl|--no-index)|^\$\(PIP\) --require", call
            ), call


def test_what_runs_in_the_pipeline_is_named_by_its_commit() -> None:
    used = [
        use
        for path in (ROOT / ".github" / "workflows").iterdir()
        for use in re.findall(r"uses: (\S+)", path.read_text())
    ]
    assert used
    assert [use for use in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", use)] == []
