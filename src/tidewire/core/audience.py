"""The audience of an event: who may receive it, and what of it they see."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from tidewire.core.events import LoggedEvent
from tidewire.core.time import format_datetime

ANYONE: Final = "any"
"""A role that everybody holds."""


def may_receive(held: Collection[str], roles: Sequence[str]) -> bool:
    """Whether somebody who holds the roles ``held`` may receive an event for ``roles``."""
    return ANYONE in roles or any(role in held for role in roles)


def event_data(logged: LoggedEvent) -> dict[str, Any]:
    """The contents of an event frame that are the same for all receivers."""
    event = logged.event
    return {
        "events": event.names,
        "channels": event.channels,
        "timestamp": format_datetime(event.timestamp),
        "payload": msgspec.Raw(event.payload),
        "offset": logged.offset,
    }
