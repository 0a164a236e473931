"""The realtime client of the distribution ``tidewire-client``, by the name that it has beside the server."""

from tidewire_client import (
    Credentials,
    Event,
    Message,
    Position,
    Realtime,
    RealtimeError,
    RefusedError,
    Subscription,
    UnsupportedError,
)

__all__ = [
    "Credentials",
    "Event",
    "Message",
    "Position",
    "Realtime",
    "RealtimeError",
    "RefusedError",
    "Subscription",
    "UnsupportedError",
]
