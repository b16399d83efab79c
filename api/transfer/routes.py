"""The routes."""

from typing import Final

from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from api.lingering import Lingering
from api.transfer.exports import Exports
from api.transfer.imports import Imports

IMPORT: Final = "/import"
EXPORT: Final = "/export"


def routes(import_bytes: int) -> list[BaseRoute]:
    """Out, and in: files of at most so many bytes."""
    return [
        Route(EXPORT, Exports(), methods=["GET"]),
        Route(IMPORT, Imports(import_bytes), methods=["POST"], middleware=[Middleware(Lingering)]),
    ]
