"""`parley settings`: what the environment may set, and what it has set."""

from collections.abc import Iterator
from typing import get_args

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.table import Table

from api.settings import Settings

MASKED = "••••••"


def settings() -> None:
    """List every variable: its value now, its default, its meaning. Secrets are masked."""
    console = Console()
    if console.is_terminal:
        console.print(_table())
        return
    for row in rows(Settings()):
        typer.echo("\t".join(row))


def rows(values: Settings) -> Iterator[tuple[str, str, str, str]]:
    """Variable, value, default and meaning of each setting."""
    for name, field in Settings.model_fields.items():
        value = getattr(values, name)
        yield f"PARLEY_{name.upper()}", _shown(value), _default(field), field.description or ""


def _table() -> Table:
    table = Table("Variable", "Value", "Default", "Meaning")
    for row in rows(Settings()):
        table.add_row(*row)
    return table


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return MASKED
    return "" if value is None else str(value)


def _default(field: FieldInfo) -> str:
    if SecretStr in get_args(field.annotation):
        return "none"
    return str(field.get_default())
