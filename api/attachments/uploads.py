"""`POST /attachments`: one file, as a stream.

Only `Authorization: Bearer` says who sends it. No other site's form or image can set that header, and a script of
another site needs the browser's leave, which is never given: so there is nothing to forge, with or without cookies.
"""

from collections import Counter
from typing import Final

from beanie import PydanticObjectId
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.attachments.answers import refused
from api.attachments.bodies import BodyCutError, BodyTooLongError, BodyTooSlowError, pieces
from api.attachments.multipart import MultipartError, OneFile
from api.contexts import ServedContext, admitted
from api.decisions import settle
from api.errors import Code
from api.rates.prices import of_file
from api.refusals import refusal
from models.attachment import Attachment
from models.attachments.errors import FileTooLargeError
from models.attachments.names import file_name
from permissions.actions import Action
from permissions.authn.errors import UnauthenticatedError
from resolvers.chat.attachment import KIND
from resolvers.ids import encode

ENVELOPE: Final = 16 * 1024
"""Bytes of a body beside the file in it."""
AT_ONCE: Final = 32
"""Uploads under way in a worker; each holds up to 600 KiB."""
OF_ONE: Final = 4
"""Of one user: a few slow ones of his must not keep out everybody else."""
CLOSE: Final = {"Connection": "close"}


class Uploads:
    """The endpoint."""

    def __init__(self) -> None:
        self._under_way = 0
        self._of: Counter[PydanticObjectId] = Counter()

    async def receive(self, request: Request) -> Response:
        """What came of it."""
        response = await self._answer(request)
        if response.status_code >= 400:  # what is left of the body is thrown away
            response.headers.update(CLOSE)
        return response

    async def _answer(self, request: Request) -> Response:
        if self._under_way >= AT_ONCE:
            return refusal(503, "too many uploads at once, try again", Code.UNAVAILABLE, {"Retry-After": "10"})
        self._under_way += 1
        try:
            context = await admitted(request)
            try:
                context.access.require_foreseen(Action.MESSAGE_APPEND)
            finally:
                await settle(context, None)
            return await self._taken(request, context)
        except MultipartError as error:
            return refusal(400, str(error), Code.BAD_USER_INPUT)
        except BodyTooSlowError:
            return refusal(408, "the request's body did not come to its end", Code.BAD_USER_INPUT)
        except BodyTooLongError:
            limit = request.app.state.services.attachments.limits.file_bytes
            return refused(FileTooLargeError(limit))
        except BodyCutError:
            return refusal(400, "the request's body did not come to its end", Code.BAD_USER_INPUT)
        except Exception as error:
            return refused(error)
        finally:
            self._under_way -= 1

    async def _taken(self, request: Request, context: ServedContext) -> Response:
        if context.principal is None:
            raise UnauthenticatedError
        owner_id = context.principal.user_id
        if self._of[owner_id] >= OF_ONE:
            return refusal(429, f"more than {OF_ONE} uploads at once", Code.RATE_LIMITED, {"Retry-After": "10"})
        self._of[owner_id] += 1
        try:
            return _shown(await _receive(request, context, owner_id))
        finally:
            self._of[owner_id] -= 1
            if not self._of[owner_id]:
                del self._of[owner_id]


async def _receive(request: Request, context: ServedContext, owner_id: PydanticObjectId) -> Attachment:
    attachments = context.attachments
    longest = attachments.limits.file_bytes + ENVELOPE
    body = OneFile(request.headers.get("content-type", ""))
    announced = _announced(request)
    if announced is not None and announced > longest:
        raise FileTooLargeError(attachments.limits.file_bytes)
    await context.spend(of_file(longest if announced is None else announced))
    async with attachments.upload(owner_id, announced) as upload:
        async for piece in pieces(request, longest):
            for data in body.feed(piece):
                await upload.write(data)
        body.close()
        context.require_still()
        return await attachments.finish(owner_id, upload, file_name(body.name))


def _announced(request: Request) -> int | None:
    """How long the body says that it is. Raises `MultipartError` for what is no length."""
    length = request.headers.get("content-length")
    if length is None:
        return None
    if not (length.isascii() and length.isdecimal()):
        raise MultipartError("`Content-Length` is not a number")
    return int(length[:18])


def _shown(file: Attachment) -> Response:
    shown = {
        "id": encode(KIND, file.id),
        "name": file.name,
        "mediaType": file.media_type,
        "size": file.size,
        "sha256": file.sha256.hex(),
    }
    return JSONResponse(shown, 201)
