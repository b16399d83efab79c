"""What changes something is done to its end."""

from contextlib import AbstractContextManager, nullcontext

from strawberry.types.graphql import OperationType

from permissions.authn.cutoff import Cutoff


def whole(kind: OperationType, cutoff: Cutoff | None) -> AbstractContextManager[object]:
    """Within the block what changes something is done to its end, though who asked be cut off."""
    return cutoff.done() if kind is OperationType.MUTATION and cutoff is not None else nullcontext()
