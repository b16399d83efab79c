"""The keys that sign access tokens: made, kept encrypted in the database, rotated, held in memory by each worker."""

from permissions.authn.keys.algorithms import ALGORITHMS, DEFAULT
from permissions.authn.keys.lives import Life, Use
from permissions.authn.keys.ring import KeyRing, SignerKey, VerifyingKey

__all__ = ["ALGORITHMS", "DEFAULT", "KeyRing", "Life", "SignerKey", "Use", "VerifyingKey"]
