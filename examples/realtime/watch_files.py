"""Print every upload live; with an API key that has the scope realtime.read, those of everybody."""

import asyncio
import os

from tidewire_client import Realtime

ENDPOINT = os.environ.get("TIDEWIRE_ENDPOINT", "http://localhost:8090/v1")
PROJECT = os.environ.get("TIDEWIRE_PROJECT", "default")
KEY = os.environ.get("TIDEWIRE_KEY", "")


async def main() -> None:
    """Listen until interrupted."""
    async with Realtime(ENDPOINT, PROJECT, key=KEY) as realtime:
        uploads = realtime.subscribe("files")
        await uploads.active()
        print("listening", flush=True)
        async for event in uploads:
            print(event.action, event.payload["name"], flush=True)


asyncio.run(main())
