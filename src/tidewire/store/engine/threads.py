"""Pools of threads that all databases of a process share, so that their number does not grow with
databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

import structlog

_log = structlog.get_logger("tidewire.store")


class ThreadPool:
    """A pool of at most ``most`` threads; one more is started while there is more work than threads."""

    def __init__(self, name: str, most: int) -> None:
        self.most: Final = most
        self._name = name
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._unfinished = 0
        self._lock = threading.Lock()

    def put(self, work: Callable[[], None]) -> None:
        """Have ``work`` done by a thread, after what was put before. Takes microseconds, in any thread."""
        with self._lock:
            self._unfinished += 1
            if len(self._threads) < min(self._unfinished, self.most):
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._threads.append(thread)
                thread.start()
        self._queue.put(work)

    def close(self) -> None:
        """Return when everything that was put is done and the threads have ended."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                work()
            except Exception:
                _log.exception("work in a thread failed", thread=self._name)
            with self._lock:
                self._unfinished -= 1
