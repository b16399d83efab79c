"""Tokens that nobody should accept, by what is wrong with them."""

from tests.permissions.authn.attacks.claims import claims, parties, times
from tests.permissions.authn.attacks.headers import algorithms, headers
from tests.permissions.authn.attacks.keys import on_keys
from tests.permissions.authn.attacks.texts import signatures, texts
from tests.permissions.authn.forgery import Attack


def attacks(algorithm: str) -> dict[str, Attack]:
    """By name, on a ring whose key is of `algorithm`."""
    groups = (algorithms(algorithm), headers(), claims(), parties(), times(), texts(), signatures(), on_keys(algorithm))
    named: dict[str, Attack] = {}
    for group in groups:
        for name, attack in group:
            assert name not in named, f"two attacks named {name}"
            named[name] = attack
    return named
