"""The functions that conditions may call: what they take, what they give, what computes it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from permissions.engine.cel import addresses, arithmetic, moments
from permissions.engine.schema import ANY, Type
from permissions.engine.values import Kind

NUMBER, STRING, BOOL = Type(Kind.NUMBER), Type(Kind.STRING), Type(Kind.BOOL)
TIME, DURATION = Type(Kind.DATE), Type(Kind.DURATION)
IP, CIDR, ZONE = Type(Kind.ADDRESS), Type(Kind.NETWORK), Type(Kind.ZONE)
LIST: Final = Type(None, many=True)

CONVERSIONS: Final[Mapping[Type, Callable[[Any], Any]]] = {
    IP: addresses.address,
    CIDR: addresses.network,
    ZONE: moments.zone,
}
"""What makes a text one of these, where a function wants one and is given a text."""


@dataclass(frozen=True, slots=True)
class Function:
    """`takes` are its ways to be called, each with what it then gives; a method's target comes first."""

    takes: Sequence[tuple[tuple[Type, ...], Type]]
    compute: Callable[..., Any]

    def returns(self, given: Sequence[Type]) -> tuple[tuple[Type, ...], Type] | None:
        """The way that fits; None if none does. It gives `ANY` where it isn't known yet which will."""
        fitting = [(wanted, gives) for wanted, gives in self.takes if _all_fit(wanted, given)]
        if not fitting:
            return None
        wanted, gives = fitting[0]
        return wanted, gives if all(other == gives for _, other in fitting) else ANY


def _all_fit(wanted: Sequence[Type], given: Sequence[Type]) -> bool:
    return len(wanted) == len(given) and all(map(fits, wanted, given))


def fits(wanted: Type, given: Type) -> bool:
    """Whether a value of `given` may be one of `wanted`, as far as is known."""
    if ANY in (wanted, given):
        return True
    if wanted.many or given.many:
        return wanted.many and given.many
    return wanted.kind is given.kind or given.kind is None or (wanted in CONVERSIONS and given.kind is Kind.STRING)


_PARTS: Final = {
    name: Function([((TIME,), NUMBER), ((TIME, ZONE), NUMBER)], moments.part(name)) for name in moments.PARTS
}

OPERATORS: Final[Mapping[str, tuple[str, Function]]] = {
    "_+_": (
        "+",
        Function(
            [
                ((NUMBER, NUMBER), NUMBER),
                ((STRING, STRING), STRING),
                ((TIME, DURATION), TIME),
                ((DURATION, TIME), TIME),
                ((DURATION, DURATION), DURATION),
            ],
            arithmetic.add,
        ),
    ),
    "_-_": (
        "-",
        Function(
            [
                ((NUMBER, NUMBER), NUMBER),
                ((TIME, DURATION), TIME),
                ((TIME, TIME), DURATION),
                ((DURATION, DURATION), DURATION),
            ],
            arithmetic.subtract,
        ),
    ),
    "_*_": ("*", Function([((NUMBER, NUMBER), NUMBER)], arithmetic.multiply)),
    "_/_": ("/", Function([((NUMBER, NUMBER), NUMBER)], arithmetic.divide)),
    "_%_": ("%", Function([((NUMBER, NUMBER), NUMBER)], arithmetic.modulo)),
    "-_": ("-", Function([((NUMBER,), NUMBER), ((DURATION,), DURATION)], arithmetic.negate)),
}
"""By CEL's name, with the sign that people write."""

SIZE: Final = Function([((STRING,), NUMBER), ((LIST,), NUMBER)], arithmetic.size)

GLOBALS: Final[Mapping[str, Function]] = {
    "size": SIZE,
    "timestamp": Function([((STRING,), TIME), ((TIME,), TIME)], moments.timestamp),
    "duration": Function([((STRING,), DURATION), ((DURATION,), DURATION)], moments.duration),
    "ip": Function([((STRING,), IP)], addresses.address),
    "cidr": Function([((STRING,), CIDR)], addresses.network),
    "isIP": Function([((STRING,), BOOL)], addresses.is_ip),
    "isCIDR": Function([((STRING,), BOOL)], addresses.is_cidr),
}
METHODS: Final[Mapping[str, Function]] = {
    "size": SIZE,
    **_PARTS,
    "containsIP": Function([((CIDR, IP), BOOL)], addresses.contains_ip),
    "containsCIDR": Function([((CIDR, CIDR), BOOL)], addresses.contains_cidr),
    "family": Function([((IP,), NUMBER)], addresses.family),
}
