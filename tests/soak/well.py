"""Somebody who behaves, in a process of his own: `python -m tests.soak.well`, so that he waits for the server alone.

Who he is comes as the first line of his input, in JSON; each further line is for how many seconds he reads. He answers
each with how long his answers took, in seconds, and with what he was told instead of one; and how long the workers ran
meanwhile, and waited for a core, as far as the system tells: who is answered by one of them waits for both.
"""

import http.client
import json
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

EVERY_SECONDS: Final = 0.1
"""Between two requests."""
PAGE: Final = "{ conversations(first: 10) { edges { node { id title } } } me { displayName } }"
BODY: Final = json.dumps({"query": PAGE})


def read(
    connection: http.client.HTTPConnection, headers: Mapping[str, str], workers: Sequence[int], seconds: float
) -> dict[str, Any]:
    """A page ten times a second, for so long."""
    taken: list[float] = []
    ran: list[list[tuple[float, float]]] = []
    failed: list[str] = []
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        before = [scheduled(each) for each in workers]
        began = time.perf_counter()
        connection.request("POST", "/graphql", BODY, dict(headers))
        answer = connection.getresponse()
        text = answer.read()
        taken.append(time.perf_counter() - began)
        after = [scheduled(each) for each in workers]
        ran.append([(end[0] - start[0], end[1] - start[1]) for start, end in zip(before, after, strict=True)])
        if answer.status != 200 or b'"errors"' in text:
            failed.append(text[:200].decode(errors="replace"))
        time.sleep(max(0.0, EVERY_SECONDS - taken[-1]))
    return {"taken": taken, "ran": ran, "failed": failed}


def scheduled(pid: int) -> tuple[float, float]:
    """For how many seconds a process' loop has run, and has waited for a core; zeros where nobody tells."""
    try:
        ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    except OSError:
        return 0.0, 0.0
    return int(ran) / 1e9, int(waited) / 1e9


def main() -> None:
    who = json.loads(sys.stdin.readline())
    connection = http.client.HTTPConnection(who["host"], who["port"], timeout=60)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for line in sys.stdin:
        headers = {**who["headers"], "Content-Type": "application/json"}
        told = read(connection, headers, who["workers"], float(line))
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
