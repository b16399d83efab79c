"""`python -m tests.supply_chain sbom|licences|build|embedded|constraints`: what the Makefile writes, or locks."""

import sys
from collections.abc import Callable

from tests.supply_chain import bill, licences
from tests.supply_chain.locks import build_requirements, constraints, embedded_requirements

WRITERS: dict[str, Callable[[], str]] = {
    "sbom": bill.text,
    "licences": lambda: licences.page().rstrip("\n"),
    "build": lambda: "\n".join(build_requirements()),
    "embedded": lambda: "\n".join(embedded_requirements()),
    "constraints": lambda: "\n".join(constraints()),
}

if __name__ == "__main__":
    sys.stdout.write(WRITERS[sys.argv[1]]() + "\n")
