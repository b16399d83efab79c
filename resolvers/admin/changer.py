"""Who changes things, and from where."""

from permissions.changes import Changer
from resolvers.context import Info
from resolvers.errors import NotFoundError


def changer(info: Info) -> Changer:
    """Who asks; the guards let nobody in who isn't signed in."""
    principal = info.context.principal
    if principal is None:
        raise NotFoundError("User")
    return Changer(principal.user_id, info.context.origin)
