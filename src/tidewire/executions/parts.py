"""What the work on the functions of all projects shares."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from tidewire.core.custom_channels import Broadcast
from tidewire.functions.contract import Engine
from tidewire.settings import Settings
from tidewire.store.instance.instance import Instance


@dataclass(frozen=True)
class Parts:
    """The engine, the settings, and the room that there is for builds and executions of all projects."""

    instance: Instance
    settings: Settings
    engine: Engine
    live: Broadcast
    """Delivers to the console what is in no log."""
    builds: asyncio.Semaphore = field(init=False)
    executions: asyncio.Semaphore = field(init=False)
    """Whoever waits gets room in turn; a project waits once, however much it has to do."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "builds", asyncio.Semaphore(self.settings.functions_builds_at_once))
        object.__setattr__(self, "executions", asyncio.Semaphore(self.settings.functions_executions_at_once))
