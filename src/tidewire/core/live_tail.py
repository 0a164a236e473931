"""The entries of the console's live tail: which event happened and to what, without its payload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tidewire.core.events import Event, pattern_parts
from tidewire.core.time import format_datetime

CHANNEL: Final = "console.tail."
"""The beginning of the name of a tail's channel, before the id of the project."""
_DATABASES: Final = frozenset({"databases", "tablesdb", "documentsdb", "vectorsdb"})
_PARENTS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(_DATABASES, ("databaseId", "collectionId")),
    "buckets": ("bucketId",),
    "functions": ("functionId",),
    "teams": ("teamId",),
}
"""Kind of event to the ids that say where it happened."""


def tail_of(channel: str) -> str:
    """The project whose tail a channel is; empty if it is none, and only named alike."""
    return channel.removeprefix(CHANNEL) if channel.startswith(CHANNEL) else ""


def tail_entry(event: Event) -> dict[str, Any]:
    """An event as the tail shows it."""
    name = event.names[0]
    kind = name.partition(".")[0]
    _, action = pattern_parts(event.pattern)
    resource_id = msgspec.json.decode(event.payload, type=_Resource).id
    entry: dict[str, Any] = {
        "event": name,
        "type": kind,
        "action": action or None,
        "userId": event.user_id or None,
        "timestamp": format_datetime(event.timestamp),
        "resourceId": resource_id if isinstance(resource_id, str) else None,
    }
    places = _PARENTS.get(kind, ())
    return entry | {place: event.parameters[place] for place in places if place in event.parameters}


class _Resource(msgspec.Struct):
    """The part of a payload that is shown."""

    id: Any = msgspec.field(name="$id", default=None)
    """The id of the item; in a message on a custom channel, whatever its publisher wrote there."""
