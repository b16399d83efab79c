"""What tests of the server may ask for."""

from typing import Any

import pytest
from graphql import DocumentNode

from api.documents.parsing import parse
from api.fanout import Renderer


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The cursors of events that were rendered, once for each time."""
    seen, render = list[str](), Renderer.render

    async def counted(self: Renderer, context: Any, question: Any, event: Any, *fellows: Any) -> bytes:
        seen.append(event.cursor)
        return await render(self, context, question, event, *fellows)

    monkeypatch.setattr(Renderer, "render", counted)
    return seen


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents that were parsed, wherever that is done."""
    seen: list[str] = []

    def noted(source: str, **options: Any) -> DocumentNode:
        seen.append(source)
        return parse(source, **options)

    for place in ("api.documents.judging.parse", "api.event_streams.parse"):
        monkeypatch.setattr(place, noted)
    return seen
