"""What `parley` offers. A command's module is imported when the command is used: all of them take seconds.

Typer's own copy of Click has no public names: its contexts and commands are of any type here.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


@dataclass(frozen=True, slots=True)
class Entry:
    """A command, or a group of them."""

    module: str
    """In this folder."""
    attribute: str
    """What there is the command's function, or its group."""
    help: str
    """The first paragraph of its help."""

    def loaded(self, name: str) -> Any:
        """The command itself."""
        found = getattr(import_module(f"api.cli.{self.module}"), self.attribute)
        alone = typer.Typer(add_completion=False)
        if isinstance(found, typer.Typer):
            alone.add_typer(found, name=name)
        else:
            alone.command(name)(found)
        return get_group(alone).commands[name]


ENTRIES: Final[dict[str, Entry]] = {
    "serve": Entry("starting", "serve", "Serve the API until Ctrl-C or SIGTERM; stores that we started stop with us."),
    "assistant": Entry(
        "assistant",
        "assistant",
        "Answer where conversations ask for it, until Ctrl-C or SIGTERM. As many of these as you like may run.",
    ),
    "settings": Entry(
        "settings",
        "settings",
        "List every variable: its value now, its default, its meaning. Secrets are masked.",
    ),
    "migrate": Entry("store", "migrate", "Bring the database's indexes and stored shape up to this release."),
    "purge": Entry(
        "purge",
        "purge",
        "Make final what was deleted longer than PARLEY_RETENTION_DAYS ago. Servers do so by themselves, too.",
    ),
    "backup": Entry(
        "backup",
        "backup",
        "Back the database up while it is being written to; again, and only what has changed is added.",
    ),
    "restore": Entry("restoring", "restore", "Restore into an empty database, while no server runs on it."),
    "schema": Entry("store", "schema", "Print the GraphQL schema."),
    "export": Entry(
        "exporting",
        "export_conversations",
        "Export conversations with every branch. After an interruption, the same command goes on where it ended.",
    ),
    "import": Entry(
        "importing",
        "import_conversations",
        "Import conversations with every branch. Doing it again changes nothing, and goes on where it was cut short.",
    ),
    "user": Entry("users", "app", "Accounts."),
    "policy": Entry("policies", "app", "Policy files."),
    "operations": Entry("operations", "app", "Trusted documents, which clients name instead of sending them."),
    "lists": Entry("lists", "app", "Lists of conversations."),
    "search": Entry("search", "app", "The full-text index."),
    "usage": Entry("usage", "app", "What usage is counted from."),
    "audit": Entry("audit", "app", "The audit log."),
    "service": Entry("service_accounts", "app", "Accounts of other services, which sign in by `POST /oauth/token`."),
    "keys": Entry("signing_keys", "app", "The keys that sign access tokens."),
}


class Menu(TyperGroup):
    """The commands, in the order in which they are shown."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = {name: TyperCommand(name, help=entry.help) for name, entry in ENTRIES.items()}
        self._showing = False

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One of them; what is only shown has no more than its help."""
        shown = self.commands.get(cmd_name)
        return shown if shown is None or self._showing else ENTRIES[cmd_name].loaded(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show all of them without importing any."""
        self._showing = True
        super().format_help(ctx, formatter)
        self._showing = False
