"""Somebody who behaves, in a process of his own: `python -m tests.soak.well`, so that he waits for the server alone.

Who he is comes as the first line of his input, in JSON; each further line is for how many seconds he reads. He answers
each with how long his answers took, in seconds, and with what he was told instead of one.
"""

import http.client
import json
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

EVERY_SECONDS: Final = 0.1
"""Between two requests."""
PAGE: Final = "{ conversations(first: 10) { edges { node { id title } } } me { displayName } }"
BODY: Final = json.dumps({"query": PAGE})


def read(connection: http.client.HTTPConnection, headers: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """A page ten times a second, for so long."""
    taken: list[float] = []
    failed: list[str] = []
    ends = time.perf_counter() + seconds
    while (began := time.perf_counter()) < ends:
        connection.request("POST", "/graphql", BODY, dict(headers))
        answer = connection.getresponse()
        text = answer.read()
        taken.append(time.perf_counter() - began)
        if answer.status != 200 or b'"errors"' in text:
            failed.append(text[:200].decode(errors="replace"))
        time.sleep(max(0.0, EVERY_SECONDS - taken[-1]))
    return {"taken": taken, "failed": failed}


def main() -> None:
    who = json.loads(sys.stdin.readline())
    connection = http.client.HTTPConnection(who["host"], who["port"], timeout=60)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for line in sys.stdin:
        told = read(connection, {**who["headers"], "Content-Type": "application/json"}, float(line))
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
