"""A table of what audits and clients of others found, after a run of their tests, which are marked `conformance`."""

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from tests.benchmarks.report import Table

TESTS: Final = Path(__file__).parents[1]
MARK: Final = "conformance"
HEAD: Final = ("suite, and what it looked at", "version", "passed", "seconds")


@dataclass
class Row:
    """What came of one suite."""

    passed: int = 0
    total: int = 0
    seconds: float = 0.0
    skipped: bool = False

    def count(self, report: pytest.TestReport, checks: int) -> None:
        """Add a part of a test: its setting up, or the test itself."""
        self.seconds += report.duration
        if report.when == "call" or not report.passed:
            self.total += checks
            self.passed += checks if report.passed else 0
        self.skipped |= report.skipped

    def __str__(self) -> str:
        return "skipped" if self.skipped else f"{self.passed}/{self.total}"


def pytest_configure(config: pytest.Config) -> None:
    """Tell the mark."""
    config.addinivalue_line("markers", f"{MARK}(suite, what, checks=1): an audit or a client of others")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have each report carry what it is a test of; it may come from another process."""
    for item in items:
        for mark in item.iter_markers(MARK):
            suite, what = mark.args
            item.user_properties.append((MARK, [suite, what, mark.kwargs.get("checks", 1)]))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print it, if there is anything to tell."""
    rows = defaultdict[tuple[str, str], Row](Row)
    for report in [each for reports in terminalreporter.stats.values() for each in reports]:
        if isinstance(report, pytest.TestReport) and report.when != "teardown":
            for suite, what, checks in marked(report):
                rows[suite, what].count(report, checks)
    if rows:
        shown = [
            (f"{suite}: {what}", versions().get(suite, ""), str(row), f"{row.seconds:.1f}")
            for (suite, what), row in sorted(rows.items())
        ]
        terminalreporter.section("conformance")
        terminalreporter.write_line(Table("Audits and clients of others", HEAD, shown).text())


def marked(report: pytest.TestReport) -> list[tuple[str, str, int]]:
    """Suite, what it looked at, and in how many checks."""
    found: list[tuple[str, Any]] = report.user_properties
    return [value for name, value in found if name == MARK]


@cache
def versions() -> dict[str, str]:
    """Of packages, by the manifests of the tests."""
    found: dict[str, str] = {}
    for manifest in TESTS.rglob("package.json"):
        if "node_modules" not in manifest.parts:
            found |= json.loads(manifest.read_text())["dependencies"]
    return found
