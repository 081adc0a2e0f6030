"""Edge: the one thread that changes Linux."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class LinuxStepExecutor:
    """Makes all changes of Linux in one thread, in turn: a change that is cut short ends before the next begins."""

    def __init__(self) -> None:
        self._thread = self._new_thread()

    async def run(self, limit_s: float, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `work`, which may block. Raises what it raises, and TimeoutError.

        A thread that is late hangs in the kernel and is given up: restoring Linux must not wait for it.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(limit_s):
                return await loop.run_in_executor(self._thread, lambda: work(*args, **kwargs))
        except TimeoutError:
            self.close()
            self._thread = self._new_thread()
            raise

    def close(self) -> None:
        """Lets the thread end after its work. Does not wait."""
        self._thread.shutdown(wait=False)

    @staticmethod
    def _new_thread() -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=1, thread_name_prefix="linux-steps")
