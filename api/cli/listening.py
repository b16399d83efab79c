"""The socket that all workers accept from, bound before anything else is started."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from api.cli.errors import CommandError

BACKLOG: Final = 2048

ADVICE: Final = {
    errno.EADDRINUSE: "is in use: stop what listens there, or choose another with --port or PARLEY_PORT",
    errno.EACCES: "may not be used by this user: choose one above 1023 with --port or PARLEY_PORT",
    errno.EADDRNOTAVAIL: "is no address of this machine: choose another with --host or PARLEY_HOST",
}


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Listen to `host` and `port`, or raise `CommandError`. Clients that come early wait for the first worker."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address, family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        advice = ADVICE.get(getattr(error, "errno", None) or 0, f"cannot be listened to ({error})")
        raise CommandError(f"port {port} of `{host}` {advice}") from error
    with listener:
        yield listener
