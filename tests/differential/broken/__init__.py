"""A small schema whose resolvers break in every way that they can. Nothing in it touches a store."""

from tests.differential.broken.fates import Broken
from tests.differential.broken.roots import Contexts, Plenty, schema

__all__ = ["Broken", "Contexts", "Plenty", "schema"]
