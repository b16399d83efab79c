"""What went wrong and what to do about it, in one line for people at a terminal."""

from typing import Final

from pydantic import ValidationError
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError
from redis.exceptions import RedisError

from api.cli.errors import CommandError
from api.supervisor import WorkerFailedError
from models.backup.errors import BackupError
from models.embedded import EmbeddedError
from models.migrations import UnfinishedRestoreError
from models.transfer.errors import TransferError
from permissions.authn.errors import AuthnError
from permissions.errors import ChangeError

SENTENCES: Final = (
    AuthnError,
    BackupError,
    ChangeError,
    CommandError,
    EmbeddedError,
    TransferError,
    UnfinishedRestoreError,
    WorkerFailedError,
)
"""They say what is wrong and what to do by themselves."""


def explain(error: Exception) -> str:
    """The sentence for an error. Never shows a secret: neither store addresses nor the values of settings."""
    match error:
        case _ if isinstance(error, SENTENCES):
            return str(error)
        case ValidationError():
            return _settings(error)
        case InvalidURI() | ConfigurationError():
            return "PARLEY_MONGODB_URI is not a usable MongoDB address: see `parley settings`"
        case PyMongoError():
            return f"MongoDB refused or did not answer ({_first(error)}): check that it runs, and PARLEY_MONGODB_URI"
        case RedisError():
            return f"Redis refused or did not answer ({_first(error)}): check that it runs, and PARLEY_REDIS_URL"
        case OSError():
            file = f"`{error.filename}`" if error.filename else "a file"
            return f"{file} could not be read or written ({error.strerror or type(error).__name__})"
        case _:
            return f"unexpected {type(error).__name__}: {_first(error)}; please report it"


def _settings(error: ValidationError) -> str:
    wrong = [
        f"PARLEY_{str(one['loc'][0]).upper()}: {one['msg'].removeprefix('Value error, ')}"
        for one in error.errors()
        if one["loc"]
    ]
    return f"{'; '.join(wrong)}: see `parley settings`"


def _first(error: Exception) -> str:
    """The heart of a driver's long message."""
    return str(error).partition("\n")[0].partition(", Timeout:")[0].partition(" (configured")[0][:200]
