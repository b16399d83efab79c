"""The commands as Typer knows them."""

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
