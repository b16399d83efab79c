"""The routes."""

from typing import Final

from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from api.attachments.downloads import download
from api.attachments.uploads import Uploads
from api.lingering import Lingering

PATH: Final = "/attachments"


def routes() -> list[BaseRoute]:
    """In, and out."""
    return [
        Route(PATH, Uploads().receive, methods=["POST"], middleware=[Middleware(Lingering)]),
        Route(PATH + "/{id}", download, methods=["GET"]),
    ]
