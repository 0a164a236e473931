"""What all sessions of a process share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tidewire.channels import Channels
from tidewire.logs import RepeatedByKind
from tidewire.realtime.project.projects import Projects
from tidewire.realtime.protocol.graphql_messages import Documents
from tidewire.realtime.protocol.messages import Terms
from tidewire.realtime.runtime.loop_scheduler import LoopScheduler
from tidewire.realtime.runtime.meters import Meters
from tidewire.realtime.runtime.tasks import Tasks
from tidewire.realtime.session.admins import Admins
from tidewire.realtime.session.admission import Admission
from tidewire.realtime.session.connection_limits import OpenConnections
from tidewire.settings import Settings
from tidewire.store.instance.instance import Instance


@dataclass(frozen=True)
class Services:
    """The collaborators of :class:`tidewire.realtime.session.session.Session`."""

    settings: Settings
    instance: Instance
    tasks: Tasks
    projects: Projects
    channels: Channels
    admission: Admission
    admins: Admins
    open_connections: OpenConnections
    meters: Meters
    limits_reached: RepeatedByKind
    """Writes to the log, now and then, which limits clients reach."""
    terms: Terms
    """What messages may hold."""
    reading: LoopScheduler
    """Schedules the reading of long messages."""
    setting_up: asyncio.Semaphore
    """Held while a connection is set up: after a restart all clients come back within a second."""
    documents: Documents | None
    """Reads the documents of GraphQL; None: nobody does."""
    numbers: Iterator[int]
    """The numbers of connections: in all processes together, a later connection has a higher number."""
    process_id: Callable[[], str]
