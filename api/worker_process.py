"""`python -m api.worker_process LIFELINE`: imports what a worker needs, while whoever started it is still preparing.

What it serves with comes over the lifeline when that is done: settings, the listening socket, and what it shares with
other workers, if there are any.
"""

import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping

from api.shares import Counts, Share

Given = tuple[socket.socket, Mapping[str, str], Share | None]
SIZE = 65_536
GIVE_SECONDS = 60.0
"""How long a worker may take to read what the lifeline can't hold: it imports first."""


def give(
    lifeline: socket.socket, listener: socket.socket, environment: Mapping[str, str], share: Share | None = None
) -> None:
    """Tell a worker what to serve with: settings as the variables that make them.

    Raise `OSError` where it is gone, `TimeoutError` where it doesn't read.
    """
    place, descriptors = (share.place, [share.counts.descriptor]) if share else (None, [])
    text, before = json.dumps([place, dict(environment)]).encode() + b"\n", lifeline.gettimeout()
    lifeline.settimeout(GIVE_SECONDS)
    try:
        sent = socket.send_fds(lifeline, [text], [listener.fileno(), *descriptors])
        lifeline.sendall(text[sent:])  # a lifeline holds 200 KB, on some systems 8
    finally:
        lifeline.settimeout(before)


def given(lifeline: socket.socket) -> Given | None:
    """Wait for it; None where the other end was closed instead."""
    text, descriptors = b"", list[int]()
    while not text.endswith(b"\n"):
        part, came, _, _ = socket.recv_fds(lifeline, SIZE, 2)
        if not part:
            return None
        text += part
        descriptors += came
    listener, *shared = descriptors
    place, environment = json.loads(text)
    return socket.socket(fileno=listener), environment, Share(Counts(*shared), place) if shared else None


def main() -> None:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # some terminals stop who writes and isn't their foreground
    gc.disable()  # hardly anything of what is imported is garbage; `worker.settle` has it on again
    from api import worker

    lifeline = socket.socket(fileno=int(sys.argv[1]))
    if found := given(lifeline):
        listener, environment, share = found
        os.environ.update(environment)
        worker.serve(listener, lifeline, share)


if __name__ == "__main__":
    main()
