"""The pages of decisions, and the list of the questions that they answer."""

import re
from pathlib import Path
from typing import Final

FOLDER: Final = Path(".github/decisions")
PAGES: Final = {page.name: page.read_text() for page in FOLDER.glob("*.md")}


def test_every_decision_is_listed_once_by_its_question() -> None:
    listed = re.findall(r"^\| .+\? \| \[\d{4}\]\((\d{4}-[\w.-]+\.md)\): .+ \|$", PAGES["README.md"], re.MULTILINE)
    assert sorted(listed) == sorted(PAGES.keys() - {"README.md"})


def test_decisions_point_to_pages_and_tests_that_exist() -> None:
    for name, text in PAGES.items():
        links = re.findall(r"\]\(((?:\.\./)*[\w./-]+?\.\w+)(?:#[\w-]+)?\)", text)
        tests = re.findall(r"`(tests/[\w./]+\.py)", text)
        assert [link for link in links if not (FOLDER / link).exists()] == [], name
        assert [path for path in tests if not Path(path).exists()] == [], name
