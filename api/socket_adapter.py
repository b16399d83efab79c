"""A socket as Strawberry sees it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress

from starlette.websockets import WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected

from api.bodies import UnreadableBodyError, parsed
from api.socket_closing import clipped


class SocketAdapter(ASGIWebSocketAdapter):
    """A socket that is closed once, with a reason that fits, and hears nothing after that."""

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        """Keeps nothing of a message while it waits for the next."""
        try:
            while self.ws.application_state is not WebSocketState.DISCONNECTED:
                message = self._decoded(await self.ws.receive_text(), forgiving=ignore_parsing_errors)
                yield message
                if isinstance(message, dict):
                    message.clear()
        except KeyError as error:
            raise NonTextMessageReceived from error
        except WebSocketDisconnect:
            pass

    async def send_json(self, message: Mapping[str, object]) -> None:
        if self._open:
            with suppress(WebSocketDisconnected):  # whoever reads hears of it, too, and ends it all
                await super().send_json(message)

    async def close(self, code: int, reason: str) -> None:
        if self._open:
            with suppress(WebSocketDisconnect):
                await super().close(code, clipped(reason))

    def _decoded(self, text: str, *, forgiving: bool) -> object:
        try:
            return parsed(text)
        except UnreadableBodyError as error:
            if forgiving:
                return {}
            raise NonJsonMessageReceived from error

    @property
    def _open(self) -> bool:
        return self.ws.application_state is WebSocketState.CONNECTED
