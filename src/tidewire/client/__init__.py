"""Realtime for Python programs: an asyncio client of Tidewire and of any Appwrite-compatible server.

    async with Realtime("http://localhost:8090/v1", "default", key="standard_…") as realtime:
        async for event in realtime.subscribe("files"):
            print(event.name, event.payload["name"])

It needs nothing of the server's parts: ``pip install 'tidewire[client]'``.
"""

from tidewire.client.credentials import Credentials
from tidewire.client.errors import RealtimeError, RefusedError, UnsupportedError
from tidewire.client.events import Event, Message, Position
from tidewire.client.realtime import Realtime
from tidewire.client.subscription import Subscription

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
