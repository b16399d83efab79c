"""`POST /oauth/token`: access tokens for services, by client credentials (RFC 6749, 2.3.1, 4.4 and 5)."""

from base64 import b64decode
from collections import Counter
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.errors import AWAY, UNAVAILABLE
from api.rates.allowance import Allowance
from api.rates.prices import TOKEN
from api.services import Services
from permissions.authn.errors import AuthnUnavailableError, BadCredentialsError, TooManyAttemptsError
from permissions.authn.principal import Client
from permissions.authn.services import ServiceAccounts
from resolvers.errors import TooFastError

_log: Final = structlog.get_logger(__name__)
PATH: Final = "/oauth/token"
MOST_BYTES: Final = 8 * 1024
MOST_FIELDS: Final = 20
FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class RefusedError(Exception):
    """An answer by RFC 6749, 5.2."""

    error: str
    description: str
    status: int = 400
    retry_after: int | None = None
    basic: bool = False


async def token(request: Request) -> Response:
    """A bearer token, or why there is none."""
    try:
        return await _granted(request)
    except RefusedError as refusal:
        return _refused(refusal)
    except (TooManyAttemptsError, TooFastError) as error:
        return _refused(RefusedError("temporarily_unavailable", str(error), 429, error.retry_after))
    except (AuthnUnavailableError, *UNAVAILABLE) as error:
        _log.warning("store away", path=PATH, kind=type(error).__name__)
        return _refused(RefusedError("temporarily_unavailable", AWAY, 503))


async def _granted(request: Request) -> Response:
    fields = _fields(request.headers.get("content-type", ""), await request.body())
    name, secret = _credentials(request.headers.get("authorization"), fields)
    if "grant_type" not in fields:
        raise RefusedError("invalid_request", "`grant_type` is missing")
    if fields["grant_type"] != "client_credentials":
        raise RefusedError("unsupported_grant_type", "the only grant here is `client_credentials`")
    if fields.get("scope"):
        raise RefusedError("invalid_scope", "there are no scopes here: a service's roles say what it may do")
    services: Services = request.app.state.services
    client = _client(request)
    allowance = Allowance(services.rates, client.ip, request.state)
    await allowance.spend(await services.permissions.access(None, {}), TOKEN)
    accounts = ServiceAccounts.beside(services.authentication.accounts)
    try:
        granted = await accounts.grant(name, secret, client)
    except BadCredentialsError:
        raise RefusedError("invalid_client", "unknown client, or wrong secret", 401, basic=True) from None
    shown = {"access_token": granted.access_token, "token_type": "Bearer", "expires_in": granted.expires_in}
    return JSONResponse(shown, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


def _fields(content_type: str, body: bytes) -> dict[str, str]:
    """The form's fields that have a value; each may be there once."""
    if content_type.partition(";")[0].strip().lower() != FORM or len(body) > MOST_BYTES:
        raise RefusedError("invalid_request", f"the body is a form (`{FORM}`) of at most {MOST_BYTES} bytes")
    try:
        pairs = parse_qsl(body.decode(), max_num_fields=MOST_FIELDS)
    except ValueError:
        raise RefusedError("invalid_request", "the body is not a form") from None
    if any(number > 1 for number in Counter(name for name, _ in pairs).values()):
        raise RefusedError("invalid_request", "a field is there more than once")
    return dict(pairs)


def _credentials(authorization: str | None, fields: dict[str, str]) -> tuple[str, str]:
    """Name and secret, by one of the two methods."""
    in_body = "client_secret" in fields
    if authorization is not None:
        if in_body:
            raise RefusedError("invalid_request", "the client proves itself in two ways at once")
        name, secret = _basic(authorization)
        if fields.get("client_id", name) != name:
            raise RefusedError("invalid_request", "two different clients are named")
        return name, secret
    if not in_body or "client_id" not in fields:
        raise RefusedError("invalid_client", "the client does not prove itself", 401, basic=True)
    return fields["client_id"], fields["client_secret"]


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        name, colon, secret = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        name, colon, secret = "", "", ""
    if scheme.lower() != "basic" or not colon:
        raise RefusedError("invalid_client", "not HTTP Basic authentication", 401, basic=True)
    return unquote_plus(name), unquote_plus(secret)


def _client(request: Request) -> Client:
    return Client(
        ip=request.client.host if request.client else None,
        user_agent=request.headers.get("user-agent"),
        request_id=request.state.request_id,
    )


def _refused(refusal: RefusedError) -> Response:
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if refusal.basic:
        headers["WWW-Authenticate"] = 'Basic realm="parley"'
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    shown = {"error": refusal.error, "error_description": refusal.description}
    return JSONResponse(shown, refusal.status, headers)


ROUTES: Final = [Route(PATH, token, methods=["POST"])]
