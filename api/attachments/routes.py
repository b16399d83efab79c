"""The routes."""

from typing import Final

from starlette.routing import BaseRoute, Route

from api.attachments.downloads import download
from api.attachments.uploads import Uploads

PATH: Final = "/attachments"


def routes() -> list[BaseRoute]:
    """In, and out."""
    return [
        Route(PATH, Uploads().receive, methods=["POST"]),
        Route(PATH + "/{id}", download, methods=["GET"]),
    ]
