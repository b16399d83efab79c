"""Where the demo's endpoint is, and what it calls itself: known to who starts the server, too, and imports little."""

from typing import Final

BASE: Final = "/demo/v1"
MODEL: Final = "parley-echo"
