"""JSON of answers. Of a part that is told again and again it is made once."""

from typing import Any, Final

import orjson

_OPTIONS: Final = orjson.OPT_NON_STR_KEYS
_PLAIN: Final[tuple[Any, ...]] = (str, int, list, dict)


class Retold(dict[str, Any]):
    """A part of answers that is told as it is, to whoever may be told: nobody changes it, nor what it holds."""

    __slots__ = ("_json",)

    @property
    def json(self) -> orjson.Fragment:
        """Made when it is told first."""
        try:
            return self._json
        except AttributeError:
            self._json: orjson.Fragment = orjson.Fragment(orjson.dumps(self, option=_OPTIONS))
            return self._json


def answer_json(told: object) -> bytes:
    """What is sent."""
    return orjson.dumps(told, _retold, _OPTIONS | orjson.OPT_PASSTHROUGH_SUBCLASS)


def _retold(value: object) -> object:
    """What isn't of a plain type itself: orjson asks for it."""
    if type(value) is Retold:
        return value.json
    for kind in _PLAIN:
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"{type(value).__name__} has no JSON")
