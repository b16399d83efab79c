"""Whether the servers answer. Apart from what starts them: drivers are imported while they start."""

from typing import Any, Final

import redis
from pymongo import MongoClient
from pymongo.errors import PyMongoError

SECONDS: Final = 10
"""How long an answer may take."""


class SilentError(Exception):
    """One doesn't answer."""


def greet(mongodb_uri: str, redis_url: str) -> None:
    """Have an answer from both, and end the transactions of clients that died: they would block writers."""
    try:
        with MongoClient[dict[str, Any]](mongodb_uri, timeoutMS=SECONDS * 1000) as mongodb:
            mongodb.admin.command("ping")
            mongodb.admin.command("killAllSessions", [])
        with redis.Redis.from_url(redis_url, socket_timeout=SECONDS) as client:
            client.ping()
    except (PyMongoError, redis.RedisError) as error:
        raise SilentError from error
