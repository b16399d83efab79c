"""What stands before a resolver."""

import asyncio
from typing import Any

from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.types import Info

from permissions.guards import Guard
from tests.differential.broken.fates import BrokenError


class Lucky(Guard):
    """Depends on the object; now and then it fails, or says what is neither yes nor no."""

    needs = "luck"

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        key = getattr(source, "key", "root")
        fate = info.context.fate(key, "luck")
        info.context.noted.append((key, "guard", info.field_name, tuple(sorted(kwargs))))
        if fate.random() < info.context.sound:
            return True
        if fate.randrange(3) == 0:
            neither: Any = fate.choice((None, 1, "yes", False))
            return neither
        raise BrokenError(f"no luck with {key}")


class Plain(BasePermission):
    """As anybody may write one."""

    message = "not by this one"

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return bool(info.context.fate(getattr(source, "key", "root"), "plain").random() < info.context.sound)


class Waiting(BasePermission):
    """The same, to be awaited."""

    message = "not by that one"

    async def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        await asyncio.sleep(0)
        return bool(info.context.fate(getattr(source, "key", "root"), "waiting").random() < info.context.sound)


class Shouting(FieldExtension):
    """Stands before a resolver."""

    def resolve(self, next_: Any, source: Any, info: Info, **kwargs: Any) -> Any:
        found = next_(source, info, **kwargs)
        return found.upper() if isinstance(found, str) else found
