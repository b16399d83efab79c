"""What somebody writes who wants no GraphQL: Starlette, PyMongo and orjson, on the same tokens, permissions and data.

The first baseline of `make bench`. Tokens are verified (and remembered) and decisions taken by the same code, on the
same facts; the answers are the same. It does nothing more: no Beanie model where messages are read, no log lines and no
log of decisions, no headers, limits or rates, no subtrees that were removed, no branches that are shared by themselves.
`python -m tests.benchmarks.handwritten LISTENER LIFELINE`, as `api.worker`.
"""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

import orjson
from bson import ObjectId
from bson.codec_options import CodecOptions
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.services import Services
from models.database import Record
from models.share import ShareAccess
from permissions.access import Access
from permissions.actions import Action
from permissions.authn.errors import AuthnError
from permissions.authn.principal import Principal
from permissions.engine.facts import Resource, Share
from tests.benchmarks.bare import serve
from tests.benchmarks.handwritten_appends import Appends
from tests.benchmarks.handwritten_pages import Pages, encoded, messages_of, shown_message

MOST: Final = 100
NAIVE: Final = CodecOptions[Record](tz_aware=False)


class Endpoints:
    """Three routes on one worker's connections."""

    def __init__(self, services: Services) -> None:
        self._services = services
        db = services.database.client.get_database(services.database.db.name, codec_options=NAIVE)
        self._conversations = db["conversations"]
        self._readers = db["readers"]
        self._pages = Pages(db)
        self._appends = Appends(db, services.tree)

    async def me(self, request: Request) -> Response:
        """`GET /me`: the caller's id."""
        principal, _ = await self._caller(request)
        return _json({"me": {"id": encoded(f"User:{principal.user_id}")}})

    async def page(self, request: Request) -> Response:
        """`GET /conversations/ID/messages?last=50`: the end of the branch on which the caller left off."""
        principal, access = await self._caller(request)
        conversation = await self._readable(access, request.path_params["id"])
        _require(access, Action.MESSAGE_READ, conversation)
        last = min(max(int(request.query_params["last"]), 1), MOST)
        page = await self._pages.read(conversation, await self._chosen(conversation, principal), last)
        metadata = bool(access.decide(Action.MESSAGE_READ_METADATA, _resource("message", conversation)))
        edges = page.edges(conversation, metadata=metadata)[-last:]
        info = {
            "hasNextPage": False,
            "hasPreviousPage": page.length > last,
            "startCursor": edges[0]["node"]["id"],
            "endCursor": edges[-1]["node"]["id"],
        }
        return _json({"conversation": {"messages": {"edges": edges, "pageInfo": info}}})

    async def append(self, request: Request) -> Response:
        """`POST /conversations/ID/messages` of `{"content": …}`: after the last message of that branch."""
        principal, access = await self._caller(request)
        conversation = await self._readable(access, request.path_params["id"])
        _require(access, Action.MESSAGE_APPEND, conversation)
        content = orjson.loads(await request.body())["content"]
        branch = await self._chosen(conversation, principal)
        place, message = await self._appends.append(conversation, branch, content, principal.user_id)
        note = orjson.dumps({"message": str(place)})
        await self._services.broker.publish(f"conversation:{conversation['_id']}", note)
        shown = shown_message(messages_of(conversation), place.branch, message)
        return _json({"appendMessage": {"message": shown}})

    async def _caller(self, request: Request) -> tuple[Principal, Access]:
        try:
            token = await self._services.authentication.authenticator.authenticate(request.headers.get("authorization"))
        except AuthnError as error:
            raise HTTPException(401, str(error)) from error
        if token is None:
            raise HTTPException(401)
        circumstances = {"ip": request.client.host if request.client else None, **token.circumstances()}
        return token.principal, await self._services.permissions.access(token.principal, circumstances)

    async def _readable(self, access: Access, id_: str) -> Record:
        if not ObjectId.is_valid(id_):
            raise HTTPException(400)
        conversation = await self._conversations.find_one({"_id": ObjectId(id_)})
        if conversation is None or conversation.get("deleted"):
            raise HTTPException(404)
        if not access.decide(Action.CONVERSATION_READ, _resource("conversation", conversation)):
            raise HTTPException(404)
        return conversation

    async def _chosen(self, conversation: Record, principal: Principal) -> str:
        chosen: str = conversation["chosen_branch"]
        if principal.user_id != conversation["owner_id"]:
            reader = await self._readers.find_one({"_id": f"{conversation['_id']}:{principal.user_id}"})
            chosen = reader["chosen_branch"] if reader else chosen
        return chosen


def _require(access: Access, action: Action, conversation: Record) -> None:
    if not access.decide(action, _resource("message", conversation)):
        raise HTTPException(403)


def _resource(kind: str, conversation: Record) -> Resource:
    attributes = {**conversation.get("attributes", {}), "owner_id": conversation["owner_id"]}
    return Resource(kind, conversation["_id"], attributes, tuple(map(_share, conversation.get("shares", ()))))


def _share(stored: Record) -> Share:
    until = stored["until"].replace(tzinfo=UTC)
    return Share(stored["grantee"], stored["access"] == ShareAccess.WRITE, until, stored.get("branch"))


def _json(data: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps({"data": data}, option=orjson.OPT_NAIVE_UTC), media_type="application/json")


def routes(services: Services) -> list[Route]:
    """The three of them."""
    endpoints = Endpoints(services)
    return [
        Route("/me", endpoints.me),
        Route("/conversations/{id}/messages", endpoints.page, methods=["GET"]),
        Route("/conversations/{id}/messages", endpoints.append, methods=["POST"]),
    ]


if __name__ == "__main__":
    serve(routes)
