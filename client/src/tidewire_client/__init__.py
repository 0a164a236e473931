"""Realtime for Python programs: an asyncio client of Tidewire and of any Appwrite-compatible server.

    async with Realtime("http://localhost:8090/v1", "default", key="standard_…") as realtime:
        async for event in realtime.subscribe("files"):
            print(event.name, event.payload["name"])

It is the distribution ``tidewire-client`` and needs nothing of the server.
"""

from tidewire_client.credentials import Credentials
from tidewire_client.errors import RealtimeError, RefusedError, UnsupportedError
from tidewire_client.events import Event, Message, Position
from tidewire_client.realtime import Realtime
from tidewire_client.subscription import Subscription

__version__ = "0.1.0"

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
