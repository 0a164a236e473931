"""A serving process: the port, its drain on shutdown, and nothing about what is served."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import msgspec
import structlog
import uvicorn

from tidewire import gc_tuning, memory
from tidewire.api.http_protocol import bounded_http_protocol
from tidewire.app import Application, open_application
from tidewire.logs import Repeated
from tidewire.settings import Settings

_log = structlog.get_logger()

KEEP_ALIVE_SECONDS = 75
"""Longer than the idle time after which common HTTP clients drop a connection themselves."""


SWITCH_SECONDS = 0.0005
"""After which a thread that waits for the interpreter is given it.

A write to a database asks for it dozens of times. Whoever waits counts the time anew whenever the event
loop looks at its sockets, which a busy one does every millisecond: with Python's 5 ms a write could take
seconds."""


class Server(uvicorn.Server):
    """uvicorn's server, ended by SIGTERM or SIGINT with exit code 0 after a drain."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._exhausted = Repeated(_log.error, "no_file_descriptors_left")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Drain on the first signal, stop at once on the second."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def on_tick(self, counter: int) -> bool:
        """Look after the server ten times a second; once a second see whether it can still accept."""
        if counter % 10 == 0:
            self._look_at_descriptors()
        return await super().on_tick(counter)

    def _look_at_descriptors(self) -> None:
        """Say that there are none left; libuv then accepts connections only to close them."""
        try:
            os.close(os.dup(0))
        except OSError as error:
            if error.errno not in {errno.EMFILE, errno.ENFILE}:
                return
            limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            self._exhausted.tell(
                limit=limit, connections=len(self.server_state.connections), consequence="connections refused"
            )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then say so."""
        await super().startup(sockets)
        gc_tuning.begin()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._on_ready()


async def serve(settings: Settings, listener: socket.socket, on_ready: Callable[[str], None]) -> None:
    """Serve on a bound socket until a signal; ``on_ready`` is called when requests are accepted.

    It is told what keeps the code of functions apart; nothing where none are run.
    """
    memory.return_freed()
    settings = msgspec.structs.replace(settings, port=listener.getsockname()[1])  # 0 stood for any
    async with open_application(settings) as application:
        collecting = asyncio.create_task(gc_tuning.collect_thoroughly())
        try:
            ready = partial(on_ready, application.isolation)
            await Server(_config(settings, application), ready).serve([listener])
        finally:
            collecting.cancel()


def _config(settings: Settings, application: Application) -> uvicorn.Config:
    return uvicorn.Config(
        cast("Any", application.asgi),
        interface="asgi3",  # a function that returns what is awaited is taken for another one
        http=bounded_http_protocol(settings, application.realtime.stream),
        ws=cast("Any", application.realtime.protocol),
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=4096,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(settings.drain_seconds) + 5,
    )
