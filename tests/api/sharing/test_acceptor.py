"""What lets connections in, by itself: at its end."""

import asyncio
import socket
from typing import Any

from api.acceptor import Acceptor
from api.shares import NOBODY, Counts, Share
from tests.processes import PATIENCE_SECONDS


class Peer(asyncio.Protocol):
    """As far as uvicorn asks one to stop."""

    transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def shutdown(self) -> None:
        """Nothing is under way."""
        self.transport.close()


async def test_who_comes_between_the_end_and_his_protocol_is_hung_up_on_too() -> None:
    """uvicorn ends those that it knows of, and would wait five seconds for any other."""
    counts = Counts.of(2)
    share = Share(counts, 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        acceptor = Acceptor(listener, share, Peer)
        with socket.create_connection(listener.getsockname()) as client:
            client.setblocking(False)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while share.own == 0:  # noqa: ASYNC110 (it tells nobody)
                    await asyncio.sleep(0)
                assert share.own == 1
                assert not acceptor.held, "it is on its way"
                acceptor.close()
                acceptor.close()
                await acceptor.wait_closed()
                assert share.own == NOBODY
                assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
    counts.close()
