"""The bill of materials."""

import json
from functools import cache
from typing import Any

from cyclonedx.model.bom import Bom

from tests.supply_chain.assets import files, parts
from tests.supply_chain.bill import text
from tests.supply_chain.locks import direct, pins, project


@cache
def told() -> dict[str, Any]:
    """The bill. Making it takes half a second, which not every process of the tests should."""
    found: dict[str, Any] = json.loads(text())
    return found


def components() -> dict[str, Any]:
    return {each["bom-ref"]: each for each in told()["components"]}


def test_it_is_read_by_the_library_as_it_was_written() -> None:
    read = Bom.from_json(told())  # type: ignore[attr-defined]  # a decorator adds it
    assert len(read.components) == len(components())
    assert read.metadata.component.name == "parley"


def test_it_lists_each_locked_package_each_server_and_each_part_of_graphiql() -> None:
    packages = {f"pkg:pypi/{pin.name}@{pin.version}" for lock in ("runtime", "embedded") for pin in pins(lock)}
    npm = {each["name"] for ref, each in components().items() if ref.startswith("pkg:npm/")}
    digests = {each["name"]: each["hashes"][0]["content"] for each in components().values() if each["type"] == "file"}
    assert {ref for ref in components() if ref.startswith("pkg:pypi/")} == packages
    assert npm == {part.name for part in parts()}
    assert digests == {file.name: file.digest for file in files()}


def test_each_package_has_a_licence() -> None:
    assert [ref for ref, each in components().items() if each["type"] != "file" and not each.get("licenses")] == []


def test_it_says_who_needs_what() -> None:
    needs = {each["ref"]: set(each.get("dependsOn", ())) for each in told()["dependencies"]}
    versions = {pin.name: f"pkg:pypi/{pin.name}@{pin.version}" for pin in pins("runtime")}
    root = told()["metadata"]["component"]["bom-ref"]
    assert {versions[name] for name in direct(project()["project"]["dependencies"])} == needs[root] & set(
        versions.values()
    )
    assert versions["pymongo"] in needs[versions["beanie"]]
    assert set(versions.values()) <= set().union(*needs.values())  # nothing is there that nobody needs
