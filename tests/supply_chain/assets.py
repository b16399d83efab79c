"""GraphiQL's third-party files, as `THIRD_PARTY.txt` lists them."""

import re
from dataclasses import dataclass
from typing import Final

from tests.supply_chain.locks import ROOT

FOLDER: Final = ROOT / "api" / "graphiql_assets"
_FILE = re.compile(r"^  (?P<name>\S+)\n    (?P<origin>\S.*)\n    sha256 (?P<digest>[0-9a-f]{64})$", re.MULTILINE)
_PART = re.compile(
    r"^  (?P<name>@?[\w./-]+) (?P<version>[\d.]+|\(inside a bundle\)) \((?P<licence>.+)\)$", re.MULTILINE
)


@dataclass(frozen=True)
class VendorFile:
    """A file of `vendor/`, and the npm package that it was made of."""

    name: str
    origin: str
    digest: str


@dataclass(frozen=True)
class Part:
    """An npm package in those files. Inside a bundle there is no version to be read."""

    name: str
    version: str | None
    licence: str


def files() -> list[VendorFile]:
    """All that are listed."""
    return [VendorFile(each["name"], each["origin"], each["digest"]) for each in _FILE.finditer(_listed())]


def parts() -> list[Part]:
    """All that are listed, each once."""
    found = _PART.finditer(_listed())
    return [
        Part(each["name"], each["version"] if each["version"][0] != "(" else None, each["licence"]) for each in found
    ]


def _listed() -> str:
    return (FOLDER / "THIRD_PARTY.txt").read_text()
