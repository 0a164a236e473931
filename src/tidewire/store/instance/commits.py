"""Commits: who is told when something was committed, in this process or in another one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

INTERVAL_SECONDS: Final = 0.004
"""Seconds between two calls that tell of commits of other processes in the same project."""


@dataclass(frozen=True)
class CommitListener:
    """Callbacks that are called on the event loop."""

    elsewhere: Callable[[str], None]
    """A function that is called with the id of a project in which another process has committed something."""
    overlooked: Callable[[], None]
    """A function that is called when another process was killed, which may have committed something
    untold."""
    here: Callable[[str], None] | None = None
    """A function that is called with the id of a project in which this process has committed something."""


class Commits:
    """News of commits, for one process. Made on its event loop."""

    def __init__(self, ring: Callable[[str], None]) -> None:
        """``ring`` tells the other processes of a commit, in the thread that made it."""
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._listeners: list[CommitListener] = []
        self._here: set[str] = set()
        """Projects whose commits in this process are about to be told."""
        self._calm: dict[str, bool] = {}
        """The projects that listeners were told of just now, and whether there was another ring since."""

    def listen(self, listener: CommitListener) -> None:
        """Tell ``listener`` of commits from now on."""
        self._listeners.append(listener)

    def unlisten(self, listener: CommitListener) -> None:
        """Stop telling ``listener``."""
        self._listeners.remove(listener)

    def committed(self, project_id: str) -> None:
        """This process has committed something; to be called in the thread that did. Takes microseconds."""
        self._ring(project_id)
        if project_id not in self._here:
            self._here.add(project_id)
            with suppress(RuntimeError):  # the loop was closed: nobody listens any more
                self._loop.call_soon_threadsafe(self._tell_here, project_id)

    def rung(self, project_id: str) -> None:
        """Another process has committed something: tell at once, and then in intervals while it goes on."""
        if project_id in self._calm:
            self._calm[project_id] = True
            return
        self._calm[project_id] = False
        self._loop.call_later(INTERVAL_SECONDS, self._calm_down, project_id)
        for listener in list(self._listeners):
            listener.elsewhere(project_id)

    def overlooked(self) -> None:
        """Another process has ended without a word."""
        for listener in list(self._listeners):
            listener.overlooked()

    def _calm_down(self, project_id: str) -> None:
        if self._calm.pop(project_id):
            self.rung(project_id)

    def _tell_here(self, project_id: str) -> None:
        self._here.discard(project_id)
        for listener in list(self._listeners):
            if listener.here is not None:
                listener.here(project_id)
