"""The threat model names what is there."""

import re
from pathlib import Path
from typing import Final

PAGE: Final = Path(".github/SECURITY.md")
ROWS: Final = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text().partition("| threat |")[2].splitlines()[2:]
    if line.startswith("|")
]


def test_each_control_names_its_module_and_the_test_that_shows_it() -> None:
    assert len(ROWS) > 20
    for threat, _, where, shown in ROWS:
        modules, tests = re.findall(r"`([^`]+)`", where), re.findall(r"`([^`]+)`", shown)
        assert modules, threat
        assert tests, threat
        assert [path for path in modules if not Path(path).exists()] == [], threat
        assert [path for path in tests if not (Path("tests") / path).is_file()] == [], threat


def test_pages_that_it_points_to_exist() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE.read_text())
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []


def test_settings_that_it_names_exist() -> None:
    settings = Path("api/settings.py").read_text()
    named = set(re.findall(r"PARLEY_([A-Z_]+)", PAGE.read_text()))
    assert {name for name in named if not re.search(rf"^    {name.lower()}: ", settings, re.MULTILINE)} == set()
