"""Documents with several operations, of which a request names one; or names none, or one that is not there."""

from random import Random
from typing import Final

from graphql import GraphQLSchema

from tests.differential.cases import Case
from tests.differential.grammar import TRIES, Values, Writer
from tests.differential.literals import Variables

NAMES: Final = ("One", "Two", "Three", "Four")
STRAY: Final = ("Nothing", "one", "", "F0", "query", None)
"""No operation's name; None of a document that has several names none."""
SHARED: Final = 0.7
"""How often an operation may spread the fragments of those before it."""


def several(chance: Random, schema: GraphQLSchema, values: Values, kind: str = "query") -> Case:
    """A valid one; of the operation that is meant it is the `kind`."""
    for _ in range(TRIES):
        case = _drawn(chance, schema, values, kind)
        if not case.flaws(schema):
            return case
    return Case("query One { __typename } query Two { t: __typename }", operation="Two")


def stray(chance: Random, schema: GraphQLSchema, values: Values, kind: str = "query") -> Case:
    """The same, every other time with a name that is none."""
    case = several(chance, schema, values, kind)
    if chance.randrange(2):
        return case
    return Case(case.text, case.variables, chance.choice(STRAY), stray=True)


def _drawn(chance: Random, schema: GraphQLSchema, values: Values, kind: str) -> Case:
    number = chance.choice((2, 2, 3, 4))
    meant = chance.randrange(number)
    texts, writers = list[str](), list[Writer]()
    for index, name in enumerate(NAMES[:number]):
        one = kind if index == meant else chance.choice(("query", "query", "mutation", "subscription"))
        writer = Writer(
            chance,
            schema,
            values,
            chance.choice((2, 4, 8, 16)),
            Variables(chance),
            prefix=f"F{index}",
            always=one == "subscription",
        )
        if writers and one != "subscription" and chance.random() < SHARED:
            before = writers[-1]
            writer.named.update(before.named)
            writer.fragments.update({key: each for key, each in before.fragments.items() if "$" not in each[1]})
        known = set(writer.fragments)
        texts.append(writer.operation(one, name))
        texts += [text for key, (_, text) in writer.fragments.items() if key not in known]
        writers.append(writer)
    chance.shuffle(texts)
    given = writers[meant].variables.given()
    if chance.randrange(3) == 0:  # what another one would be asked with is no business of this one's
        given = writers[chance.randrange(number)].variables.given() | given
    return Case("\n".join(texts), given, NAMES[meant])
