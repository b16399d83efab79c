"""Tasks that an execution begins."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final

REST_SECONDS: Final = 1
Task = asyncio.Future[Any]


@contextmanager
def begun() -> Iterator[set[Task]]:
    """All that are begun in the block, whoever begins them: `asyncio.all_tasks` costs by how many there are."""
    loop = asyncio.get_running_loop()
    usual, tasks = loop.get_task_factory(), set[Task]()

    def make(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **named: Any) -> Task:
        task: Task = usual(loop, coroutine, **named) if usual else asyncio.Task(coroutine, loop=loop, **named)
        tasks.add(task)
        return task

    loop.set_task_factory(make)  # type: ignore[arg-type]
    try:
        yield tasks
    finally:
        loop.set_task_factory(usual)


async def rest(tasks: set[Task]) -> None:
    """What was begun beside a field that failed is not waited for: it ends before anything is compared."""
    if left := [each for each in tasks if not each.done()]:
        await asyncio.wait(left, timeout=REST_SECONDS)
