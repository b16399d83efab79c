"""Hostile values wherever the schema, or another endpoint, takes any: what is new is attacked when it is there."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

import orjson
from graphql import GraphQLSchema

from resolvers.ids import encode
from tests.attacks.injection import JSON, TEXTS
from tests.isolation.arguments import Pool, listed, paths
from tests.isolation.documents import operation
from tests.models.transfer.exports import conversation, node
from tests.models.transfer.parley.test_attacks import DONE, FIRST, branch, packed, said, talk

NOBODY: Final = encode("User", "0" * 24)
KINDS: Final[Mapping[str, Mapping[str, Any]]] = {"ID": TEXTS, "String": TEXTS, "JSON": {**JSON, **TEXTS}}


def attacks(graph: GraphQLSchema, each: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each root field, with something hostile in one of its arguments, `each` of it by chance: documents, variables."""
    for kind, root in (("query", graph.query_type), ("mutation", graph.mutation_type)):
        assert root is not None
        for name in root.fields:
            asked = operation(graph, kind, name, 0)
            for type_, values in KINDS.items():
                for path in paths(asked.field.args, type_):
                    where = ".".join(path)
                    chance = Random(f"{name} {where}")
                    for one in chance.sample(list(values), min(each, len(values))):
                        value = [values[one]] if listed(asked.field.args, path) else values[one]
                        given = Pool({"User": [NOBODY]}, ["x"], chance, 0).arguments(
                            asked.field.args, (), **{where: value}
                        )
                        yield f"{one} as {name} {where}", asked.document, given


def decisions(text: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a service may ask (AuthZEN): paths, and bodies with a hostile text, or free-form JSON, where one fits."""
    told = value if isinstance(value, dict) else {"a": value}
    subject, action = {"type": "user", "id": text, "properties": told}, {"name": text, "properties": told}
    resource = {"type": "conversation", "id": text, "properties": told}
    asked = {"subject": subject, "action": action, "resource": resource, "context": told}
    yield "/access/v1/evaluation", asked
    yield "/access/v1/evaluations", {**asked, "evaluations": [asked, {}], "options": {"evaluations_semantic": text}}
    yield "/access/v1/evaluations", {**asked, "evaluations": [asked, {"resource": {"type": text, "id": text}}]}
    for what, left_out in (("subject", subject), ("resource", resource)):
        searched = {"type": left_out["type"], "properties": told}
        known = {**asked, "action": {"name": "conversation:read"}, what: searched}
        yield f"/access/v1/search/{what}", known
        yield f"/access/v1/search/{what}", {**known, "page": {"token": text, "limit": 2}}
    yield "/access/v1/search/action", {key: asked[key] for key in ("subject", "resource", "context")}


def imports() -> Iterator[tuple[str, bytes]]:
    """Files of conversations, by their format, with all of it in each place that is free."""
    values = list(JSON.values())
    talks = [
        talk(
            branch(),
            said(text, metadata={"llmModel": text, "extra": {"a": values[number % len(values)]}}, author=text),
            id=f"{number}{text}"[:100],
            title=text,
            tags=[text],
            attributes=values[number % len(values)],
        )
        for number, text in enumerate(TEXTS.values())
    ]
    yield "parley", packed(FIRST) + b"".join(talks) + DONE
    yield (
        "chatgpt",
        orjson.dumps(
            [
                conversation(node(text, None, (), text, metadata={"model_slug": text, text: 1}), title=text, id=text)
                for text in TEXTS.values()
            ]
        ),
    )
