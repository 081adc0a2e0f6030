"""One thread, one epoll, a few timers: all that vppsim waits for."""

import heapq
import itertools
import os
import select
import signal
import time
from collections.abc import Callable

LoopCallback = Callable[[], None]


class EventLoop:
    """Calls back when a file can be read or written, or a timer has run out, until `stop`."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._readers: dict[int, LoopCallback] = {}
        self._writers: dict[int, LoopCallback] = {}
        self._timers: list[tuple[float, int, LoopCallback]] = []
        self._order = itertools.count()
        self._running = True

    def watch(self, fd: int, readable: LoopCallback, writable: LoopCallback | None = None) -> None:
        """Call `readable` whenever `fd` can be read; `writable` only while `want_write` is on."""
        self._epoll.register(fd, select.EPOLLIN)
        self._readers[fd] = readable
        if writable is not None:
            self._writers[fd] = writable

    def want_write(self, fd: int, enabled: bool) -> None:
        self._epoll.modify(fd, select.EPOLLIN | (select.EPOLLOUT if enabled else 0))

    def unwatch(self, fd: int) -> None:
        """Stop watching `fd`; must come before it is closed."""
        self._epoll.unregister(fd)
        del self._readers[fd]
        self._writers.pop(fd, None)

    def call_after(self, delay_s: float, callback: LoopCallback) -> None:
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._order), callback))

    def stop_on(self, *signals: signal.Signals) -> None:
        """End `run` when one of `signals` comes, at any point of the loop."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in signals:
            signal.signal(number, lambda *_: None)
        self.watch(reader, self.stop)

    def stop(self) -> None:
        self._running = False

    def run(self) -> None:
        """Call back until `stop`."""
        while self._running:
            for fd, events in self._epoll.poll(self._timeout()):
                self._dispatch(fd, events)
            self._run_timers()

    def _timeout(self) -> float:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else -1

    def _dispatch(self, fd: int, events: int) -> None:
        if events & select.EPOLLOUT and fd in self._writers:
            self._writers[fd]()
        if events & ~select.EPOLLOUT and fd in self._readers:
            self._readers[fd]()

    def _run_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
