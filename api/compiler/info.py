"""`Info` for resolvers: nearly all of them ask for the context only, so the rest is made when somebody asks."""

from typing import Any, Protocol

from api.compiler.field import Field
from api.compiler.paths import Place, path_of
from api.compiler.seams import Executor, Info


class Execution(Protocol):
    """What there is to know of one."""

    @property
    def context(self) -> Any:
        """The request's, as resolvers see it."""

    @property
    def executor(self) -> Executor[Any]:
        """graphql-core's."""


class LightInfo(Info[Any, Any]):
    """As Strawberry's own."""

    def __init__(self, run: Execution, field: Field, place: Place) -> None:
        self._run = run
        self._compiled = field
        self._place = place

    @property
    def context(self) -> Any:
        return self._run.context

    @property
    def field_nodes(self) -> Any:
        """Where the field is selected."""
        return self._compiled.nodes

    @property
    def _field(self) -> Any:  # type: ignore[override]
        return self._compiled.made

    @property
    def _raw_info(self) -> Any:  # type: ignore[override]
        field = self._compiled
        return self._run.executor.build_resolve_info(field.definition, field.nodes, field.parent, path_of(self._place))
