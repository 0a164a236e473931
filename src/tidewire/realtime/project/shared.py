"""What the realtime parts of all projects of a process share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tidewire.core.custom_channels import ChannelRule, Member
from tidewire.realtime.matching.query_costs import QueryCosts
from tidewire.realtime.presence.channel_presence import ChannelKey, ChannelPresence
from tidewire.realtime.recovery.replay import Replayer
from tidewire.realtime.runtime.loop_scheduler import LoopScheduler
from tidewire.realtime.runtime.meters import Meters
from tidewire.realtime.runtime.tasks import Tasks
from tidewire.settings import Settings
from tidewire.store.engine.database import Database
from tidewire.store.instance.instance import Instance


@dataclass(frozen=True)
class Shared:
    """The collaborators of :class:`tidewire.realtime.project.project.ProjectRealtime`."""

    settings: Settings
    instance: Instance
    tasks: Tasks
    meters: Meters
    fanout_scheduler: LoopScheduler
    """Schedules the slices of events that many connections get."""
    query_costs: QueryCosts
    replayer: Replayer
    channel_presence: ChannelPresence
    process_id: Callable[[], str]
    rule_of: Callable[[Database, str], Awaitable[ChannelRule | None]]
    """Finds the rule for a custom channel of a project."""
    tell_members: Callable[[ChannelKey, list[Member], list[str]], None]
    """Tells other processes who has joined and who has left a channel here."""
