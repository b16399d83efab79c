"""`python -m api.worker_process LIFELINE`: imports what a worker needs, while whoever started it is still preparing.

What it serves with comes over the lifeline when that is done: settings, and the listening socket with them.
"""

import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping

Given = tuple[socket.socket, Mapping[str, str]]
SIZE = 65_536
GIVE_SECONDS = 60.0
"""How long a worker may take to read what the lifeline can't hold: it imports first."""


def give(lifeline: socket.socket, listener: socket.socket, environment: Mapping[str, str]) -> None:
    """Tell a worker what to serve with: settings as the variables that make them.

    Raise `OSError` where it is gone, `TimeoutError` where it doesn't read.
    """
    text, before = json.dumps(dict(environment)).encode() + b"\n", lifeline.gettimeout()
    lifeline.settimeout(GIVE_SECONDS)
    try:
        sent = socket.send_fds(lifeline, [text], [listener.fileno()])
        lifeline.sendall(text[sent:])  # a lifeline holds 200 KB, on some systems 8
    finally:
        lifeline.settimeout(before)


def given(lifeline: socket.socket) -> Given | None:
    """Wait for it; None where the other end was closed instead."""
    text, descriptors = b"", list[int]()
    while not text.endswith(b"\n"):
        part, came, _, _ = socket.recv_fds(lifeline, SIZE, 1)
        if not part:
            return None
        text += part
        descriptors += came
    return socket.socket(fileno=descriptors[0]), json.loads(text)


def main() -> None:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # some terminals stop who writes and isn't their foreground
    gc.disable()  # hardly anything of what is imported is garbage; `worker.settle` has it on again
    from api import worker

    lifeline = socket.socket(fileno=int(sys.argv[1]))
    if found := given(lifeline):
        listener, environment = found
        os.environ.update(environment)
        worker.serve(listener, lifeline)


if __name__ == "__main__":
    main()
