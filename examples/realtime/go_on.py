"""Handle every upload once, although this program is stopped and started: it remembers where it was."""

import asyncio
import json
import os
from pathlib import Path

from tidewire_client import Position, Realtime

ENDPOINT = os.environ.get("TIDEWIRE_ENDPOINT", "http://localhost:8090/v1")
PROJECT = os.environ.get("TIDEWIRE_PROJECT", "default")
KEY = os.environ.get("TIDEWIRE_KEY", "")
MEMORY = Path(os.environ.get("MEMORY", "position.json"))


async def main() -> None:
    """Go on after the last event that was handled, until interrupted."""
    since = Position(**json.loads(MEMORY.read_text())) if MEMORY.exists() else None
    async with Realtime(ENDPOINT, PROJECT, key=KEY) as realtime:
        uploads = realtime.subscribe("files", since=since, on_gap=lambda: print("something was missed"))
        await uploads.active()
        print("listening", flush=True)
        async for event in uploads:
            print(event.action, event.payload["name"], flush=True)
            if event.position:
                remember(event.position)


def remember(position: Position) -> None:
    """Replace the file as a whole: a program that is killed while it writes leaves the former one."""
    new = MEMORY.with_suffix(".new")
    new.write_text(json.dumps({"epoch": position.epoch, "offset": position.offset}))
    new.replace(MEMORY)


asyncio.run(main())
