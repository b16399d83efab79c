"""Audits, compilers, linters and clients of others, on the schema and against a served demo."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.demo_world import DOMAIN, PASSWORD
from tests.conformance.project import Project
from tests.demos import Demo, demo

AUDITS, ARTIFACTS, RELAY, TYPED, RULES, OPERATIONS = 61, 10, 13, 10, 5, 4
REGISTERED = {"relay.persisted.json": 8, "codegen/gql/persisted-documents.json": 2}
REGISTER = "mutation ($input: RegisterOperationsInput!) { registerOperations(input: $input) { registered } }"
WRONG_USE = "import { AuditedDocument } from './typed';\nexport const wrong: number = AuditedDocument.kind;\n"
WRONG_QUERY = "import { graphql } from 'relay-runtime';\ngraphql`query wrongQuery { me { nickname } }`;\n"
WRONG_SCHEMA = """\
type Query { things(first: Int): ThingConnection! }
type ThingConnection { edges: [ThingEdge!]! }
type ThingEdge { node: Thing! }
type Thing { name: String! }
type PageInfo { hasNextPage: Boolean! }
"""

Linted = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Project:
    return Project.copy(tmp_path_factory.mktemp("client"), pytestconfig)


@pytest.fixture(scope="module")
def compiled(project: Project) -> list[Path]:
    """What Relay's compiler made of the fragments, queries and mutations."""
    project.run("relay-compiler")
    return list(project.folder.glob("relay/__generated__/*.ts"))


@pytest.fixture(scope="module")
def generated(project: Project) -> list[Path]:
    """What graphql-codegen made: the client preset's folder, and a file of three plugins."""
    project.run("graphql-codegen", "--config", "codegen.json")
    return [*project.folder.glob("codegen/gql/*.ts"), project.folder / "codegen" / "typed.ts"]


@pytest.fixture(scope="module")
def emitted(project: Project, compiled: list[Path], generated: list[Path]) -> Project:
    """The programs, ready to run."""
    assert compiled
    assert generated
    project.run("emit.mjs")
    return project


@pytest.fixture(scope="module")
def linted(project: Project) -> Linted:
    """What ESLint has against the schema, a wrong one, and the operations."""
    (project.folder / "wrong.graphql").write_text(WRONG_SCHEMA)
    found = defaultdict[str, list[dict[str, Any]]](list)
    for check in project.checks("lint.mjs", "schema.graphql", "wrong.graphql"):
        found[check["of"]].append(check)
    return found


@pytest.fixture(scope="module")
def served(project: Project) -> Iterator[Demo]:
    assert project.node
    with demo() as running:
        yield running


@pytest.fixture(scope="module")
def registered(emitted: Project, served: Demo) -> dict[str, int]:
    """How many documents of each manifest the server knows now."""
    manifests = {name: (emitted.folder / name).read_text() for name in REGISTERED}
    answers = {name: served.person("root").ask(REGISTER, input={"manifest": text}) for name, text in manifests.items()}
    return {name: answer["registerOperations"]["registered"] for name, answer in answers.items()}


def holds(checks: list[dict[str, Any]]) -> int:
    """How many checks there are, all of which must hold."""
    assert [each for each in checks if not each["holds"]] == []
    return len(checks)


@pytest.mark.conformance("graphql-http", "all audits: MUST, SHOULD, MAY", checks=AUDITS)
def test_all_audits_of_graphql_over_http_pass(project: Project, served: Demo) -> None:
    url, token = served.server.url + "/graphql", served.person("admin").token
    assert holds(project.checks("graphql_http.mjs", url, token)) == AUDITS


@pytest.mark.conformance("relay-compiler", "fragments, pagination, mutations", checks=ARTIFACTS)
def test_relays_compiler_takes_schema_and_operations(compiled: list[Path]) -> None:
    assert len(compiled) == ARTIFACTS


@pytest.mark.conformance("@graphql-codegen/cli", "client preset, typed document nodes", checks=2)
def test_graphql_codegen_makes_types(generated: list[Path]) -> None:
    assert {path.name for path in generated} == {"fragment-masking.ts", "gql.ts", "graphql.ts", "index.ts", "typed.ts"}


@pytest.mark.conformance("typescript", "`tsc --strict` on the programs and what was made for them")
@pytest.mark.usefixtures("compiled", "generated")
def test_typescript_finds_the_programs_sound(project: Project) -> None:
    assert project.run("tsc", "-p", ".") == ""


@pytest.mark.conformance("relay-compiler", "its manifest is taken", checks=8)
@pytest.mark.conformance("@graphql-codegen/client-preset", "its manifest is taken", checks=2)
def test_their_manifests_are_taken_by_the_server(registered: dict[str, int]) -> None:
    assert registered == REGISTERED


@pytest.mark.conformance("relay-runtime", "its program, by ids: pages, mutations, store, `node`", checks=RELAY)
@pytest.mark.usefixtures("registered")
def test_the_program_with_relay_runs_on_the_server(emitted: Project, served: Demo) -> None:
    assert holds(emitted.checks("relay/program.js", *signing_in(served))) == RELAY


@pytest.mark.conformance(
    "@graphql-codegen/client-preset", "its program: by hash and by text, an event stream", checks=TYPED
)
@pytest.mark.usefixtures("registered")
def test_the_program_with_typed_documents_runs_on_the_server(emitted: Project, served: Demo) -> None:
    assert holds(emitted.checks("codegen/program.js", *signing_in(served))) == TYPED


@pytest.mark.conformance("@graphql-eslint/eslint-plugin", "Relay's rules on the schema", checks=RULES)
def test_the_schema_keeps_relays_rules(linted: Linted) -> None:
    assert holds(linted["schema.graphql"]) == RULES


@pytest.mark.conformance("eslint-plugin-relay", "all rules on the operations", checks=OPERATIONS)
def test_the_operations_keep_the_rules_for_operations(linted: Linted) -> None:
    assert holds(linted["operations"]) == OPERATIONS


def test_the_linter_does_find_what_is_wrong_with_a_schema(linted: Linted) -> None:
    wrong = [each["what"] for each in linted["wrong.graphql"] if not each["holds"]]
    # `relay-edge-types` remembers the edges of the first schema; that it is awake is shown by the exemptions there.
    rules = [f"@graphql-eslint/relay-{name}" for name in ("arguments", "connection-types", "page-info")]
    assert wrong == [*rules, "it is read, and each exemption is needed"]


def signing_in(served: Demo) -> tuple[str, str, str]:
    """What the programs are told: address, account and password."""
    return served.server.url + "/graphql", f"alice@{DOMAIN}", PASSWORD


@pytest.mark.usefixtures("generated")
def test_typescript_and_relays_compiler_do_find_what_is_wrong(project: Project) -> None:
    (project.folder / "codegen" / "wrong.ts").write_text(WRONG_USE)
    assert "wrong.ts(2,14): error TS2322" in project.try_("tsc", "-p", ".").stdout
    (project.folder / "relay" / "wrong.ts").write_text(WRONG_QUERY)
    assert "nickname" in project.try_("relay-compiler", "--validate").stderr
