"""The interface of whatever has a global id."""

import strawberry


@strawberry.interface(description="Whatever has a global id, and can be asked for again by it.")
class Node:
    """Relay's."""

    id: strawberry.ID
