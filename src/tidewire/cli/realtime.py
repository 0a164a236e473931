"""``tidewire listen`` and ``tidewire publish``: realtime from the command line, on any server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

import msgspec
from rich.console import Console
from rich.text import Text

from tidewire.cli.options import fail
from tidewire_client import Event, Position, Realtime, RealtimeError, Subscription

TIMEOUT_SECONDS = 30
_COLOURS = {"create": "green", "update": "yellow", "upsert": "yellow", "delete": "red"}


def listen(
    channels: tuple[str, ...],
    *,
    endpoint: str,
    project: str,
    key: str,
    session: str,
    queries: tuple[str, ...],
    since: str,
    as_json: bool,
    count: int | None,
) -> None:
    """Print events until interrupted, or until ``count`` of them are printed."""
    show = _print_json if as_json else _Printer().show
    try:
        realtime = Realtime(endpoint, project, key=key, session=session)
        asyncio.run(_listen(realtime, channels, queries, _position(since), show, count))
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        # Who reads what is printed has enough (`| head`); nor is there anybody for what is left at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except RealtimeError as error:
        fail(f"the server refuses: {error}")
    except ValueError as error:
        fail(str(error), code=2)
    except OSError as error:
        fail(f"cannot connect to {endpoint}: {error}")


async def _listen(
    realtime: Realtime,
    channels: tuple[str, ...],
    queries: tuple[str, ...],
    since: Position | None,
    show: Callable[[Event[dict[str, object]]], None],
    count: int | None,
) -> None:
    async with realtime:
        subscription: Subscription[dict[str, object]] = realtime.subscribe(
            channels, queries=queries, since=since, on_gap=_say_gap
        )
        await subscription.active()
        print("listening to " + ", ".join(channels), file=sys.stderr, flush=True)  # noqa: T201
        async for event in subscription:
            show(event)
            if count is not None:
                count -= 1
                if count <= 0:
                    return


def publish(
    channel: str, payload: str, *, endpoint: str, project: str, key: str, idempotency_key: str
) -> None:
    """Publish ``payload`` (JSON, ``-`` for standard input) on a custom channel and print the message's id."""
    text = sys.stdin.read() if payload == "-" else payload
    try:
        body = {"payload": json.loads(text)} | (
            {"idempotencyKey": idempotency_key} if idempotency_key else {}
        )
    except ValueError as error:
        fail(f"the payload is not JSON: {error}", code=2)
    request = Request(  # noqa: S310 - the endpoint is the user's own
        f"{endpoint.rstrip('/')}/realtime/channels/{quote(channel, safe='')}/messages",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "X-Appwrite-Project": project, "X-Appwrite-Key": key},
        method="POST",
    )
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            print(json.load(response)["$id"])  # noqa: T201
    except HTTPError as error:
        fail(f"the server refuses: {_message(error)}")
    except (URLError, OSError, ValueError) as error:
        fail(f"cannot publish at {endpoint}: {error}")


class _Printer:
    """Events for people: time, what happened, and the payload."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)

    def show(self, event: Event[dict[str, object]]) -> None:
        line = Text.assemble(
            (event.timestamp.astimezone().strftime("%H:%M:%S.%f")[:-3], "dim"),
            " ",
            (event.name, _COLOURS.get(event.action, "cyan")),
            (f"  offset {event.position.offset}" if event.position else "", "dim"),
        )
        self._console.print(line, soft_wrap=True)
        self._console.print_json(data=event.payload, indent=2)


def _print_json(event: Event[dict[str, object]]) -> None:
    line = {
        "events": event.events,
        "channels": event.channels,
        "timestamp": event.timestamp,
        "payload": event.payload,
    }
    if event.position:
        line |= {"epoch": event.position.epoch, "offset": event.position.offset}
    print(msgspec.json.encode(line).decode(), flush=True)  # noqa: T201


def _position(since: str) -> Position | None:
    """A position as the JSON lines have it: ``epoch:offset``."""
    if not since:
        return None
    epoch, separator, offset = since.rpartition(":")
    if not separator or not epoch or not offset.isdigit():
        raise ValueError("--since is epoch:offset, as in the fields of an earlier event (--json)")
    return Position(epoch, int(offset))


def _say_gap() -> None:
    print("events may have been missed here", file=sys.stderr, flush=True)  # noqa: T201


def _message(error: HTTPError) -> str:
    try:
        return str(json.load(error)["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
