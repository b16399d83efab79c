"""`GET /attachments/{id}`: a message's file, to whoever may read that message now."""

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.attachments.answers import file_headers, refused, tag
from api.attachments.ranges import Span, UnsatisfiableError, matches, span
from api.contexts import admitted
from api.decisions import settle
from api.errors import Code
from api.rates.prices import of_file
from api.refusals import refusal
from models.attachment import Attachment
from resolvers.chat.attachment import readable_attachment
from resolvers.context import Context


async def download(request: Request) -> Response:
    """The file, a range of it, or its headers. What one may not read looks like what doesn't exist."""
    try:
        context = await admitted(request)
        context.access.require_signed_in()
        try:
            file = await readable_attachment(context, request.path_params["id"])
        finally:
            await settle(context, None)
        answer = None if file is None else _answer(request, context, file)
        length = 0 if answer is None or request.method == "HEAD" else int(answer.headers.get("content-length", 0))
        await context.spend(of_file(length))
    except Exception as error:
        return refused(error)
    return answer or refusal(404, "no such attachment", Code.NOT_FOUND)


def _answer(request: Request, context: Context, file: Attachment) -> Response:
    headers = file_headers(file)
    if matches(tag(file), request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(file.size)})
    try:
        part = span(_range(request, file), file.size)
    except UnsatisfiableError:
        answer = refusal(416, "the range begins after the end of the file", Code.BAD_USER_INPUT)
        answer.headers["Content-Range"] = f"bytes */{file.size}"
        return answer
    sent = part or Span(0, file.size)
    headers["Content-Length"] = str(sent.stop - sent.start)
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{file.size}"
    body = context.attachments.read(file.id, sent.start, sent.stop)
    return StreamingResponse(body, 200 if part is None else 206, headers)


def _range(request: Request, file: Attachment) -> str | None:
    """`Range`, unless `If-Range` names another version: there is one only, so a date never matches."""
    condition = request.headers.get("if-range")
    if condition is not None and condition.strip() != tag(file):
        return None
    several = request.headers.getlist("range")
    return several[0] if len(several) == 1 else None
