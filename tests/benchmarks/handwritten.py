"""What somebody writes who wants no GraphQL: Starlette, PyMongo and orjson, on the same tokens, permissions and data.

The first baseline of `make bench`. Tokens are verified (and remembered) and decisions taken by the same code, on the
same facts; the answers are the same. It does nothing more: no Beanie model where messages are read, no log lines and no
log of decisions, no headers, limits or rates, no subtrees that were removed, no branches that are shared by themselves.
`python -m tests.benchmarks.handwritten LISTENER LIFELINE`, as `api.worker`.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any, Final

import orjson
from beanie import PydanticObjectId
from bson import ObjectId
from bson.codec_options import CodecOptions
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.services import Services
from models.database import Record
from models.share import ShareAccess
from models.tree import MAIN, TreeLimits
from models.tree.buckets import TAIL_FIELDS, Buckets, Tail
from models.tree.lineage import Chunk, Lineage, Segment, resolve
from permissions.access import Access
from permissions.actions import Action
from permissions.authn.errors import AuthnError
from permissions.authn.principal import Principal
from permissions.engine.facts import Resource, Share
from tests.benchmarks.bare import serve
from tests.benchmarks.handwritten_appends import Appends

MOST: Final = 100
NAIVE: Final = CodecOptions[Record](tz_aware=False)


class Endpoints:
    """Three routes on one worker's connections."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._db = services.database.client.get_database(services.database.db.name, codec_options=NAIVE)
        self._conversations = self._db["conversations"]
        self._buckets = self._db["buckets"]
        self._readers = self._db["readers"]
        self._appends = Appends(self._db, services.tree)

    async def me(self, request: Request) -> Response:
        """`GET /me`: the caller's id."""
        principal, _ = await self._caller(request)
        return _json({"me": {"id": _id(f"User:{principal.user_id}")}})

    async def page(self, request: Request) -> Response:
        """`GET /conversations/ID/messages?last=50`: the end of the branch on which the caller left off."""
        principal, access = await self._caller(request)
        conversation = await self._readable(access, request.path_params["id"])
        _require(access, Action.MESSAGE_READ, conversation)
        last = min(max(int(request.query_params["last"]), 1), MOST)
        tail = await self._tail(conversation, await self._chosen(conversation, principal))
        start = max(tail.next_depth - last, 0)
        path = await self._path(conversation, tail, max(start - 1, 0))
        found = await self._messages(conversation, path)
        metadata = bool(access.decide(Action.MESSAGE_READ_METADATA, _resource("message", conversation)))
        edges = _edges(conversation, path, found, metadata=metadata)[-last:]
        info = {
            "hasNextPage": False,
            "hasPreviousPage": start > 0,
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
        shown = _message(f"Message:{conversation['_id']}:", place.branch, message)
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

    async def _tail(self, conversation: Record, branch: str) -> Tail:
        found = await self._buckets.find(
            {"conversation_id": conversation["_id"], "tail": branch}, TAIL_FIELDS
        ).to_list()
        if not found:
            raise HTTPException(404)
        return Tail.of(max(found, key=lambda bucket: bucket["next_depth"]))

    async def _path(self, conversation: Record, tail: Tail, start: int) -> list[tuple[int, Segment]]:
        """The depths from `start` to the end, each with the segment that holds it."""
        id_, width = PydanticObjectId(conversation["_id"]), conversation["slot_width"]

        async def fetch(chunks: Sequence[Chunk]) -> Mapping[str, Lineage]:
            return await Buckets(self._db, id_, width, TreeLimits()).lineages(chunks)

        found = await resolve(tail.lineage, [range(start, tail.next_depth)], fetch)
        ends = [*(segment.start for segment in found[1:]), tail.next_depth]
        return [
            (depth, segment)
            for segment, end in zip(found, ends, strict=True)
            for depth in range(max(segment.start, start), end)
        ]

    async def _messages(
        self, conversation: Record, path: Sequence[tuple[int, Segment]]
    ) -> dict[tuple[str, int], Record]:
        """The messages of the path, by branch and depth."""
        width, start, stop = conversation["slot_width"], path[0][0], path[-1][0] + 1
        slots = list({f"{segment.branch}.{depth // width}" for depth, segment in path})
        within = {"$and": [{"$gte": ["$$m.depth", start]}, {"$lt": ["$$m.depth", stop]}]}
        query = {"conversation_id": conversation["_id"], "slot": {"$in": slots}}
        fields = {"branch": 1, "messages": {"$filter": {"input": "$messages", "as": "m", "cond": within}}}
        return {
            (bucket["branch"], message["depth"]): message
            for bucket in await self._buckets.find(query, fields, batch_size=1000).to_list()
            for message in bucket["messages"]
        }


def _edges(
    conversation: Record,
    path: Sequence[tuple[int, Segment]],
    found: Mapping[tuple[str, int], Record],
    *,
    metadata: bool,
) -> list[dict[str, Any]]:
    """An edge for each place of the path but the one before the page, which counts the first one's siblings."""
    forks, messages = conversation.get("root_forks", 0), f"Message:{conversation['_id']}:"
    edges: list[dict[str, Any]] = []
    for depth, segment in path:
        message = found[segment.branch, depth]
        index = max(segment.ordinal, 1) if depth == segment.start and segment.branch != MAIN else 0
        shown = _message(messages, segment.branch, message)
        shown["siblingCount"] = max(forks, index) + 1
        shown["siblingIndex"] = index
        shown["metadata"] = _metadata(message.get("metadata")) if metadata else None
        edges.append({"node": shown})
        forks = message.get("forks", 0)
    return edges


def _message(messages: str, branch: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """`messages` is how the ids of a conversation's messages begin."""
    depth = message["depth"]
    return {
        "id": _id(f"{messages}{branch}.{depth}"),
        "depth": depth,
        "role": message["role"].upper(),
        "content": None if message.get("deleted_at") else message["content"],
        "createdAt": message["created_at"],
        "status": message.get("status", "complete").upper(),
    }


def _metadata(stored: Record | None) -> dict[str, Any] | None:
    if not stored:
        return None
    tokens = stored.get("tokens_used")
    if tokens is None and ("tokens_in" in stored or "tokens_out" in stored):
        tokens = stored.get("tokens_in", 0) + stored.get("tokens_out", 0)
    return {"llmModel": stored.get("llm_model"), "tokensUsed": tokens, "latencyMs": stored.get("latency_ms")}


def _require(access: Access, action: Action, conversation: Record) -> None:
    if not access.decide(action, _resource("message", conversation)):
        raise HTTPException(403)


def _resource(kind: str, conversation: Record) -> Resource:
    attributes = {**conversation.get("attributes", {}), "owner_id": conversation["owner_id"]}
    return Resource(kind, conversation["_id"], attributes, tuple(map(_share, conversation.get("shares", ()))))


def _share(stored: Record) -> Share:
    until = stored["until"].replace(tzinfo=UTC)
    return Share(stored["grantee"], stored["access"] == ShareAccess.WRITE, until, stored.get("branch"))


def _id(text: str) -> str:
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


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
