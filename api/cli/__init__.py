"""The `parley` command."""

import sys

import typer

from api.cli.menu import Menu

app = typer.Typer(
    name="parley",
    cls=Menu,
    help="A chatbot backend: branching conversations and effective permissions over GraphQL.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def parley() -> None:
    """What all commands have in common: nothing."""


def main() -> None:
    """Run the command line. What goes wrong is said in one line; the status is then 1, or 2 for wrong usage."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from api.cli.problems import explain  # knows the errors of all parts: they are imported where one is met

        typer.echo(f"parley: {explain(error)}", err=True)
        sys.exit(1)
