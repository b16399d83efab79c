"""The `parley` command."""

import sys

import typer

from api.cli import (
    assistant,
    audit,
    backup,
    exporting,
    importing,
    lists,
    policies,
    purge,
    restoring,
    search,
    serve,
    service_accounts,
    settings,
    signing_keys,
    store,
    usage,
    users,
)
from api.cli.problems import explain

app = typer.Typer(
    name="parley",
    help="A chatbot backend: branching conversations and effective permissions over GraphQL.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("assistant")(assistant.assistant)
app.command("settings")(settings.settings)
app.command("migrate")(store.migrate)
app.command("purge")(purge.purge)
app.command("backup")(backup.backup)
app.command("restore")(restoring.restore)
app.command("schema")(store.schema)
app.command("export")(exporting.export_conversations)
app.command("import")(importing.import_conversations)
app.add_typer(users.app, name="user")
app.add_typer(policies.app, name="policy")
app.add_typer(lists.app, name="lists")
app.add_typer(search.app, name="search")
app.add_typer(usage.app, name="usage")
app.add_typer(audit.app, name="audit")
app.add_typer(service_accounts.app, name="service")
app.add_typer(signing_keys.app, name="keys")


def main() -> None:
    """Run the command line. What goes wrong is said in one line; the status is then 1, or 2 for wrong usage."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        typer.echo(f"parley: {explain(error)}", err=True)
        sys.exit(1)
