"""Housekeeping: what realtime does at intervals, whether anything happens or not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog

from tidewire.core.time import now
from tidewire.realtime.console.console import TELL_SECONDS, Console, test_event
from tidewire.realtime.fanout.acknowledgements import ROUND_SECONDS
from tidewire.realtime.project.project import ProjectRealtime
from tidewire.realtime.project.projects import Projects
from tidewire.realtime.protocol.request import CONSOLE
from tidewire.realtime.session.admins import Admins
from tidewire.realtime.survey.survey import CountConnections, Counts, Survey
from tidewire.realtime.wire.socket import SocketWire
from tidewire.store.instance.instance import Instance

EXPIRY_SECONDS: Final = 5.0
"""Seconds between two looks for expired sessions. Another look precedes each event."""
ROUNDS: Final = 4
"""How often each connection is looked at in the time after which it counts as dead."""
SLICE: Final = 500
"""Connections that are looked at before the event loop gets to serve others."""

_log: Final = structlog.get_logger(__name__)


class Housekeeping:
    """The work in intervals of one process; each method runs until it is cancelled."""

    def __init__(
        self,
        instance: Instance,
        projects: Projects,
        admins: Admins,
        survey: Survey,
        wires: Callable[[], list[SocketWire]],
    ) -> None:
        self._wires = wires
        self._instance = instance
        self._projects = projects
        self._admins = admins
        self._survey = survey

    async def watch(self) -> None:
        """Ping clients that have been silent, and close those that vanished without closing.

        A client counts as gone once nothing came from it for ``realtime_idle_seconds``. Everything that
        arrives counts, not pongs alone: one SDK never sends them.
        """
        while True:
            await asyncio.sleep(self._instance.settings.realtime_idle_seconds / ROUNDS)
            for number, wire in enumerate(self._wires(), 1):
                wire.look(ROUNDS)
                if number % SLICE == 0:
                    await asyncio.sleep(0)

    async def expire(self) -> None:
        """Take from connections what their sessions, API keys and admins have lost by time."""
        while True:
            await asyncio.sleep(EXPIRY_SECONDS)
            for project in list(self._projects.by_id.values()):
                project.hub.roles.expire(now())
            self._projects.review_api_keys()
            await self._admins.review()

    async def begin_rounds(self) -> None:
        """Begin the rounds in which connections are asked for acknowledgements."""
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            for project in list(self._projects.by_id.values()):
                if project.hub.recovery is not None:
                    project.hub.recovery.begin_round()

    async def tell_console(self) -> None:
        """Tell the console how many connections the projects have."""
        while True:
            await asyncio.sleep(TELL_SECONDS)
            project = self._projects.by_id.get(CONSOLE)
            if project is None or project.hub.console is None or project.hub.connections == 0:
                continue
            try:
                await self.tell_console_once(project, project.hub.console)
            except Exception:
                _log.exception("the console is not told")

    async def tell_console_once(self, project: ProjectRealtime, console: Console) -> None:
        """Send the console's connections a test event, and the counts of connections."""
        project.unlogged.take(test_event())
        await console.review()
        counts = await self._survey.ask(CountConnections(), Counts)
        if counts.missing:
            return  # what they have is not known, and a sum without them would be wrong
        sums: Counter[str] = Counter()
        for each in counts.given.values():
            sums.update(each.by_project)
        for project_id, count in sums.items():
            store = await self._instance.project(project_id)
            if store is not None:
                console.tell_counts(project_id, store.project.team_id, count)
