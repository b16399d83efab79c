"""Types of resources that other services ask about; the built-in ones are code."""

from beanie import Document


class ResourceType(Document):
    """`actions` are the verbs without the type; a level stands for several of them. The name is the id.

    `attributes` and `context` map names that conditions use, as `resource.…` and `env.…`, to the names of their types;
    `strategy` is how conflicts about these resources end, the platform's default if None.
    """

    id: str  # type: ignore[assignment]  # Beanie's ids may be of any type
    actions: list[str]
    levels: dict[str, list[str]] = {}
    attributes: dict[str, str] = {}
    context: dict[str, str] = {}
    strategy: str | None = None
    description: str | None = None

    class Settings:
        name = "resource_types"
