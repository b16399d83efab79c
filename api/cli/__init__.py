"""The `parley` command."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api.supervisor import WorkerProcess


def main() -> None:
    """Run the command line. What goes wrong is said in one line; the status is then 1, or 2 for wrong usage."""
    try:
        with _head_start(sys.argv[1:]) as begun:
            from api.cli.application import app  # Typer, a tenth of a second, and a fifth to read the options

            app(obj=begun)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from typer import echo

        from api.cli.problems import explain  # knows the errors of all parts: they are imported where one is met

        echo(f"parley: {explain(error)}", err=True)
        sys.exit(1)


@contextmanager
def _head_start(words: Sequence[str]) -> Iterator["list[WorkerProcess] | None"]:
    """A worker that imports already while we find out what else is asked of `parley serve`: it takes longest."""
    if words[:1] != ["serve"] or "--help" in words:
        yield None
        return
    from api.supervisor import early

    with early() as begun:
        yield begun
