"""Whose the stores are. Without any driver: what serves starts its own before it imports one."""

from pydantic import SecretStr

from api.cli.errors import CommandError
from api.settings import Settings
from models.embedded import Endpoints


def embedded(settings: Settings) -> bool:
    """Whether the embedded stores serve: neither address is set."""
    if (settings.mongodb_uri is None) != (settings.redis_url is None):
        raise CommandError("set both PARLEY_MONGODB_URI and PARLEY_REDIS_URL, or neither to use the embedded stores")
    return settings.mongodb_uri is None


def with_endpoints(settings: Settings, endpoints: Endpoints) -> Settings:
    """The same settings, pointing to these stores."""
    return settings.model_copy(
        update={
            "mongodb_uri": SecretStr(endpoints.mongodb_uri),
            "redis_url": SecretStr(endpoints.redis_url),
        }
    )
