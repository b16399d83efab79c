"""Under which licences others' work is shipped."""

import hashlib
import re

import pytest

from tests.supply_chain import assets
from tests.supply_chain.licences import BY_FILE, PERMISSIVE, licence_of, page, within
from tests.supply_chain.locks import FOLDER, ROOT, direct, pins, project


def shipped() -> dict[str, str]:
    return {pin.name: licence_of(pin.name) for pin in pins("runtime")}


@pytest.mark.parametrize(
    ("expression", "fine"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", False),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
    ],
)
def test_one_may_choose_of_an_or_and_not_of_an_and(expression: str, fine: bool) -> None:
    assert within(expression, PERMISSIVE) == fine


def test_no_package_of_the_image_binds_what_is_written_beside_it() -> None:
    assert {name: each for name, each in shipped().items() if not within(each, PERMISSIVE | BY_FILE)} == {}
    assert {name for name, each in shipped().items() if not within(each, PERMISSIVE)} == {"orjson"}


def test_the_one_program_under_the_gpl_is_not_shipped_and_not_imported() -> None:
    servers = {pin.name: licence_of(pin.name) for pin in pins("embedded")}
    assert {name for name, each in servers.items() if not within(each, PERMISSIVE)} == {"secantusdb"}
    assert not servers.keys() & shipped().keys()
    sources = [path for layer in ("api", "resolvers", "permissions", "models") for path in (ROOT / layer).rglob("*.py")]
    importing = re.compile(r"^\s*(?:import|from) _?secantus", re.MULTILINE)
    assert [path for path in sources if importing.search(path.read_text())] == []


def test_graphiqls_parts_ask_for_a_notice_at_most() -> None:
    parts = assets.parts()
    assert {"react", "react-dom", "graphiql", "@graphiql/plugin-explorer", "graphql-ws"} <= {
        part.name for part in parts
    }
    assert [part for part in parts if not within(part.licence, PERMISSIVE)] == []


def test_graphiqls_files_are_those_that_were_taken() -> None:
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (assets.FOLDER / "vendor").iterdir()}
    assert there == {file.name: file.digest for file in assets.files()}


def test_the_list_is_of_what_is_locked() -> None:
    assert (FOLDER / "LICENCES.md").read_text() == page(), "make licences"


def test_the_readme_gives_a_reason_for_each_direct_dependency() -> None:
    table = (ROOT / "README.md").read_text().partition("## Dependencies")[2].partition("\n## ")[0]
    named = {
        name.lower()
        for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
        for name in re.findall(r"[\w-]+", row)
    }
    assert direct(project()["project"]["dependencies"]) - named == set()
