"""Enumerations of the layers below, as the schema shows them: told to it before anything speaks of them."""

import strawberry

from models.policy import PolicyMode
from permissions.engine.conflicts import ConflictStrategy

__all__ = ["ConflictStrategy", "PolicyMode"]

strawberry.enum(PolicyMode, description="Whether a policy counts; a shadow one is judged and logged only.")
strawberry.enum(ConflictStrategy, description="What holds when rules disagree.")
