"""The endpoints: who asks, what he sends, what he gets (AuthZEN 1.0, 10)."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from api.authzen.answers import Answer, Desk
from api.authzen.bodies import JSON, BadRequestError, TooLargeError, mapping, read
from api.authzen.facts import Gatherer
from api.authzen.metadata import ENDPOINTS, metadata_route
from api.authzen.pages import Page, PageRequest, page_request
from api.authzen.questions import MOST_EVALUATIONS, Batch, act, batch, entity, evaluation
from api.authzen.searches import Searches
from api.contexts import AT_LEAST
from api.errors import AWAY, MASKED, UNAVAILABLE
from api.rates.allowance import Allowance
from api.rates.prices import EVALUATION, SEARCH
from api.requests import HEADER
from api.services import Services
from permissions.access import Access, Takings
from permissions.actions import Action
from permissions.audit.events import Origin
from permissions.audit.log import AuditLog
from permissions.authn.errors import AuthnUnavailableError, UnauthenticatedError
from permissions.authn.principal import Client, Principal
from permissions.engine.facts import Resource
from permissions.errors import DeniedError, NotFreshError
from permissions.resources import PERMISSION
from resolvers.errors import BadInputError, TooFastError
from resolvers.ids import revision_of

_log: Final = structlog.get_logger(__name__)
_ECHOED: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]{1,1024}")
SEARCHES: Final = frozenset(path for name, path in ENDPOINTS.items() if name.startswith("search_"))
REALM: Final = 'Bearer realm="parley"'


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated service's request."""

    services: Services
    access: Access
    allowance: Allowance
    origin: Origin
    path: str
    body: dict[str, Any]

    @property
    def gatherer(self) -> Gatherer:
        """For what the body names."""
        return Gatherer(self.services, self.access)

    @property
    def searches(self) -> Searches:
        """For its search."""
        return Searches(self.services, self.access, self.gatherer)

    def page(self) -> PageRequest:
        """The page that it wants."""
        return page_request(self.path, self.body)


async def evaluate(call: Call) -> Answer:
    """One question."""
    asked = evaluation(call.body)
    desk = Desk(call.access, call.gatherer)
    return await _kept(call, desk, await desk.evaluate(asked))


async def evaluate_many(call: Call) -> Answer:
    """Several; or one, for who sends one."""
    asked = batch(call.body)
    desk = Desk(call.access, call.gatherer)
    answer = await (desk.evaluate_all(asked) if isinstance(asked, Batch) else desk.evaluate(asked))
    return await _kept(call, desk, answer)


async def search_subject(call: Call) -> Answer:
    """Who may?"""
    sought, about = entity(call.body, "subject", sought=True), entity(call.body, "resource")
    page, context = call.page(), mapping(call.body, "context")
    return _page(page, await call.searches.subjects(sought, act(call.body), about, context, page))


async def search_resource(call: Call) -> Answer:
    """To which?"""
    who, sought = entity(call.body, "subject"), entity(call.body, "resource", sought=True)
    page, context = call.page(), mapping(call.body, "context")
    return _page(page, await call.searches.resources(who, act(call.body), sought, context, page))


async def search_action(call: Call) -> Answer:
    """What?"""
    who, about = entity(call.body, "subject"), entity(call.body, "resource")
    page, context = call.page(), mapping(call.body, "context")
    return _page(page, await call.searches.actions(who, about, context, page))


HANDLERS: Final[dict[str, Callable[[Call], Awaitable[Answer]]]] = {
    "access_evaluation_endpoint": evaluate,
    "access_evaluations_endpoint": evaluate_many,
    "search_subject_endpoint": search_subject,
    "search_resource_endpoint": search_resource,
    "search_action_endpoint": search_action,
}


def routes(public_url: str | None) -> list[BaseRoute]:
    """All of them, and the document that says where they are."""
    served = [Route(ENDPOINTS[name], _endpoint(handler), methods=["POST"]) for name, handler in HANDLERS.items()]
    return [metadata_route(public_url), *served]


def _endpoint(handler: Callable[[Call], Awaitable[Answer]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        response = await _answer(handler, request)
        given = request.headers.get(HEADER, "")
        if _ECHOED.fullmatch(given):  # any text, where other endpoints give back a harmless one only
            response.headers[HEADER] = given
        return response

    return endpoint


async def _answer(handler: Callable[[Call], Awaitable[Answer]], request: Request) -> Response:
    try:
        return _json(await handler(await _call(request)), 200)
    except BadRequestError as error:
        return _json(str(error), 413 if isinstance(error, TooLargeError) else 400)
    except UnauthenticatedError as error:
        invalid = ', error="invalid_token"' if "authorization" in request.headers else ""
        return _json(str(error), 401, {"WWW-Authenticate": REALM + invalid})
    except NotFreshError as error:
        return _json(str(error), 503)
    except DeniedError as error:
        return _json(str(error), 403)
    except TooFastError as error:
        return _json(str(error), 429)
    except (AuthnUnavailableError, *UNAVAILABLE) as error:
        _log.warning("store away", path=request.url.path, kind=type(error).__name__)
        return _json(AWAY, 503)
    except Exception as error:
        _log.error("unexpected error", path=request.url.path, exc_info=error)
        return _json(MASKED, 500)


async def _call(request: Request) -> Call:
    """Who asks comes first: a stranger learns nothing of what is wrong with his questions."""
    services: Services = request.app.state.services
    client = _client(request)
    allowance = Allowance(services.rates, client.ip, request.state)
    try:
        token = await services.authentication.authenticator.authenticate(request.headers.get("authorization"))
    except UnauthenticatedError:
        await allowance.spend(await services.permissions.access(None, {}), 0)
        raise
    principal = token.principal if token else None
    access = await services.permissions.access(principal, {"ip": client.ip}, at_least=_at_least(request))
    origin = Origin.of(principal, client)
    allowance.require(access)
    try:
        await _require_right(services, access, allowance, origin, principal)
        body = read(request.headers.get("content-type", ""), await request.body())
        price = _price(request.scope["path"], body)
    except (UnauthenticatedError, DeniedError, BadRequestError):
        await allowance.spend(access, 0)
        raise
    await allowance.spend(access, price)
    return Call(services, access, allowance, origin, request.scope["path"], body)


def _price(path: str, body: dict[str, Any]) -> int:
    """By how much is asked."""
    if path in SEARCHES:
        return SEARCH + page_request(path, body).size
    several = body.get("evaluations")
    return EVALUATION * min(len(several), MOST_EVALUATIONS) if isinstance(several, list) else EVALUATION


async def _require_right(
    services: Services, access: Access, allowance: Allowance, origin: Origin, principal: Principal | None
) -> None:
    try:
        access.require(Action.PERMISSION_EVALUATE, Resource(PERMISSION))
    finally:
        if principal is not None:
            await _keep(services.audit, access, allowance, access.takings(), origin)


async def _kept(call: Call, desk: Desk, answer: Answer) -> Answer:
    """Decisions are written down before anybody is told."""
    await _keep(call.services.audit, call.access, call.allowance, desk.takings, call.origin)
    return answer


async def _keep(audit: AuditLog, access: Access, allowance: Allowance, takings: Takings, origin: Origin) -> None:
    """Have it written down. Raise `TooFastError` where there are more denials than who asks may have written down.

    Nobody is told of them then: of these only the number is kept.
    """
    if number := len(takings.denied):
        try:
            await allowance.deny(access, number)
        except Exception:
            audit.forgo(origin, number)
            raise
    await audit.keep(takings, origin)


def _page(request: PageRequest, page: Page) -> Answer:
    token = "" if page.next is None else request.token(page.next)
    return {"page": {"next_token": token, "count": len(page.results)}, "results": list(page.results)}


def _at_least(request: Request) -> int | None:
    """The revision that the rules must have, by the token of the change that made it."""
    token = request.headers.get(AT_LEAST)
    try:
        return None if token is None else revision_of(token, AT_LEAST)
    except BadInputError as error:
        raise BadRequestError(str(error)) from None


def _client(request: Request) -> Client:
    return Client(
        ip=request.client.host if request.client else None,
        user_agent=request.headers.get("user-agent"),
        request_id=request.state.request_id,
    )


def _json(content: object, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, JSON)
