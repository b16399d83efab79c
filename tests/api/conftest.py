"""What tests of the server may ask for."""

from typing import Any

import pytest

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
