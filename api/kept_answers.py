"""Answers that are the same whenever their caller asks: made as any other once, and told again as long as he may ask.

INVARIANT: who asks, whether he may, and what he has left is found out each time, by the functions of all requests.
Only where each of these is known at once, and is as it mostly is, a kept answer is told; all else goes the common way.
"""

from typing import Final

import orjson

from api.documents.executing import budget_for
from api.graphql_request import Asked
from api.prepared import Prepared
from api.requests import Exchange
from api.schema import Schema
from api.services import Services
from permissions.authn.errors import AuthnUnavailableError, UnauthenticatedError
from resolvers.context import Context

_NO_ERRORS: Final = {"data"}


def constant(schema: Schema, question: Asked, services: Services) -> Prepared | None:
    """The operation, if it is known, and each caller is always answered the same to it."""
    if question.query is None or not services.operations.are_texts(question.document_id, question.extensions):
        return None
    known = schema.documents.known(question.query)
    operation: Prepared | None = None if known is None else known.operations.get(question.operation_name)
    if operation is None or not operation.constant or question.variables:
        return None
    return operation


def kept(
    schema: Schema,
    operation: Prepared,
    services: Services,
    authorization: str | None,
    ip: str | None,
    exchange: Exchange,
) -> bytes | None:
    """What he was answered before, counted as asked for again; None where that can't be told at once.

    Nothing was counted then, and nothing raised: whoever can't be answered is told why in the common way.
    """
    rates = services.rates
    try:
        token = services.authentication.authenticator.known(authorization)
    except (UnauthenticatedError, AuthnUnavailableError):
        return None
    if token is None:
        return None
    answer, user_id = operation.answers.get(token.principal.user_id), token.principal.user_id
    subject = services.permissions.subject_at_hand(user_id)
    if answer is None or subject is None:
        return None
    cost = operation.cost(None)
    if cost > budget_for(subject, schema.limits.costs):
        return None
    claims = rates.claims_for(subject, ip)
    verdict = None if rates.known(claims) is not None else rates.spent(claims, cost)
    if verdict is None:
        return None
    exchange.rate = verdict
    return answer


def keep(operation: Prepared, context: Context, answer: bytes) -> None:
    """Tell it again, if it is no error, and told somebody whose account is there."""
    principal, subject = context.principal, context.access.subject
    if principal is None or subject is None or subject.id != principal.user_id:
        return
    if orjson.loads(answer).keys() == _NO_ERRORS:
        operation.keep(principal.user_id, answer)
