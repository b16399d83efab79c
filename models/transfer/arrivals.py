"""One door for imports of every format."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from pymongo.asynchronous.database import AsyncDatabase

from models.database import Record
from models.transfer.importing import FORMATS, Admit, Control, Progress, Report, import_file
from models.transfer.parley.importing import FORMAT, import_parley
from models.tree.draft import TreeLimits
from models.user import User

KNOWN: Final = (*FORMATS, FORMAT)


async def import_any(
    db: AsyncDatabase[Record],
    path: Path,
    format_name: str,
    owner: User,
    limits: TreeLimits,
    progress: Callable[[Progress], None] = lambda _: None,
    admit: Admit = lambda _: None,
    control: Control | None = None,
) -> Report:
    """Import `path`, as `import_file` and `import_parley` do."""
    if format_name == FORMAT:
        return await import_parley(db, path, owner, limits, progress, admit, control)
    return await import_file(db, path, format_name, owner, limits, progress, admit, control)
