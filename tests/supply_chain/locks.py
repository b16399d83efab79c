"""The lock files in `requirements/`, read, and what two of them are made of."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "requirements"
_PIN = re.compile(r"^(?P<name>[a-z0-9-]+)(?:\[[\w,-]+\])?==(?P<version>[\w.+!-]+)(?: ; (?P<marker>[^\\]+?))?(?: \\)?$")
_HASH = re.compile(r"^    --hash=sha256:(?P<digest>[0-9a-f]{64})(?: \\)?$")
_VIA = re.compile(r"^    # via (?P<names>.+)$")


@dataclass(frozen=True)
class Pin:
    """A version, the digests of its files, and who needs it (`parley` for a direct dependency)."""

    name: str
    version: str
    marker: str
    digests: frozenset[str]
    needed_by: tuple[str, ...]


def pins(lock: str) -> tuple[Pin, ...]:
    """What the lock `runtime`, `embedded`, `build`, `development` or `tools` holds.

    Raises:
        ValueError: a line is neither a pin, nor a digest, nor a remark.
    """
    return tuple(_pins((FOLDER / f"{lock}.txt").read_text().splitlines()))


def _pins(lines: list[str]) -> Iterator[Pin]:
    head: re.Match[str] | None = None
    digests: set[str] = set()
    via: tuple[str, ...] = ()
    for line in [*lines, ""]:
        if found := _HASH.match(line):
            digests.add(found["digest"])
        elif found := _VIA.match(line):
            names = [name.split(" ")[0] for name in found["names"].split(", ") if not name.startswith("-")]
            via = tuple(re.sub(r"\[.*", "", name) for name in names)
        else:
            if head:
                yield Pin(head["name"], head["version"], head["marker"] or "", frozenset(digests), via)
            head, digests, via = _PIN.match(line), set(), ()
            if line and not head:
                raise ValueError(f"not understood: `{line}`")


def project() -> dict[str, Any]:
    """`pyproject.toml`."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def build_requirements() -> list[str]:
    """What builds the package."""
    found: list[str] = project()["build-system"]["requires"]
    return found


def embedded_requirements() -> list[str]:
    """The embedded servers. Their packages' own dependencies are not needed, and not locked."""
    found: list[str] = project()["project"]["optional-dependencies"]["embedded"]
    return found


def constraints() -> list[str]:
    """All versions without digests: what `pip install -c constraints.txt` takes beside packages of one's own."""
    found = {pin for lock in ("embedded", "build", "development") for pin in pins(lock)}
    lines = {f"{pin.name}=={pin.version}" + (f" ; {pin.marker}" if pin.marker else "") for pin in found}
    return sorted(lines)


def direct(requirements: list[str]) -> set[str]:
    """The names in requirements such as `redis>=6`, as lock files spell them."""
    return {re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", each)[0]).lower() for each in requirements}
