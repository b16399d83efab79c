"""Writes large ChatGPT exports, and reads one in a process of its own, which tells its peak memory.

`python -m tests.models.transfer.measured FILE` prints transcripts, messages, refusals, and the peak in MiB.
"""

import json
import sys
from pathlib import Path
from typing import Any

from models.transfer.errors import Refusal
from models.transfer.importing import Intake
from models.tree.draft import TreeLimits
from tests.models.transfer.exports import conversation, link, node

MIB = 1024 * 1024
ANSWER: dict[str, Any] = {
    "author": {"role": "assistant", "name": None, "metadata": {}},
    "metadata": {
        "model_slug": "gpt-4o", "finish_details": {"type": "stop", "stop_tokens": [100260]}, "citations": [],
        "content_references": [], "request_id": "0123456789abcdef-ABC", "is_complete": True, "parent_id": "x" * 36,
    },
}  # fmt: skip


def talk(messages: int, text: str, name: str) -> dict[str, Any]:
    """A conversation of `messages`, with a fork at every fourth, as a real export words it."""
    nodes = [link("r", None, ["0"])]
    for place in range(messages):
        parent = str(place - (1 if place % 4 else 3)) if place else "r"
        said = ANSWER if place % 2 else {}
        nodes.append(node(str(place), parent, [], f"{place} {text}", **said))
    return conversation(*nodes, conversation_id=name, current_node=str(messages - 1))


def write(path: Path, megabytes: int, messages: int, text: str) -> None:
    """An export of about `megabytes` of conversations of `messages` each."""
    with path.open("w") as file:
        file.write("[")
        number = 0
        while file.tell() < megabytes * MIB:
            file.write(", " * bool(number) + json.dumps(talk(messages, text, f"c-{number}")))
            number += 1
        file.write("]")


def peak() -> int:
    """The most memory that this process ever had, in bytes (Linux)."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def main(path: Path) -> None:
    """Read `path` and print the figures."""
    transcripts = messages = refusals = 0
    with Intake(path, "chatgpt", TreeLimits()) as intake:
        for item in intake:
            if isinstance(item, Refusal):
                refusals += 1
            else:
                transcripts += 1
                messages += len(item.sprouts)
            del item
    sys.stdout.write(f"{transcripts} {messages} {refusals} {peak() // MIB}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
