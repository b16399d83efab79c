"""The fields of a mutation, one after the other."""

import math
from collections.abc import Sequence

from graphql import ExecutionResult, GraphQLError

from api.compiler.field import Field
from api.compiler.paths import path_of
from api.compiler.run import Answer, Builder, Run
from api.documents.answering import late, not_begun


async def serially(run: Run, builders: Sequence[tuple[Field | None, Builder]]) -> ExecutionResult:
    """What is not begun in time is not begun at all.

    INVARIANT: a field that has begun is done to its end. To cut it off would leave half of what it writes.
    """
    until = getattr(run.context, "begin_until", math.inf)
    data: Answer = {}
    try:
        for field, builder in builders:
            if field is not None and late(until):
                raise not_begun(field.details, path_of((None, field.key, field.parent.name)))
            part = builder(run.root, run, None)
            data |= part if isinstance(part, dict) else await part
    except GraphQLError as error:
        return run.nothing(error)
    return run.result(data)
