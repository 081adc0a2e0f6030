"""Edge: a task that nobody waits for, and whose end by an exception nobody would notice."""

import asyncio
from collections.abc import Coroutine
from typing import Any


def start_watched_task(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A task; an exception that it does not handle is told to the loop's handler, which ends our processes."""
    task = asyncio.create_task(work)
    task.add_done_callback(_tell)
    return task


def _tell(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": "a task has ended by an exception", "exception": error, "task": task}
        task.get_loop().call_exception_handler(context)
