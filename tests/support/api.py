"""The API alone, on a real port in a thread of this process."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import uvicorn
import uvloop

from tidewire.api.application import create_api
from tidewire.api.collaborators import Collaborators
from tidewire.api.http_protocol import bounded_http_protocol
from tidewire.api.registry import Registry
from tidewire.core.operations import Operations
from tidewire.graphql.door import Door
from tidewire.pictures.pictures import Pictures
from tidewire.services.geoip import GeoIp
from tidewire.services.passwords import PasswordHasher
from tidewire.settings import Settings
from tidewire.store.instance.instance import DEFAULT_PROJECT_ID, Instance

T = TypeVar("T")


@dataclass
class ApiServer:
    """A running API; its stores belong to the loop of its thread."""

    url: str
    """Base address without ``/v1``."""
    settings: Settings
    instance: Instance
    loop: asyncio.AbstractEventLoop
    project: str = DEFAULT_PROJECT_ID

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run ``work`` in the server's loop."""

        async def call() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(30)

    def create_key(self, scopes: Sequence[str], expires: int = 0) -> str:
        """Secret of a new API key of the project."""
        _, secret = self.run(
            lambda: self.instance.create_key(self.project, "test", frozenset(scopes), expires)
        )
        return secret

    def stored_objects(self) -> set[Path]:
        """All files of object storage, those of unfinished writers included."""
        return {path for path in (Path(self.settings.data_dir) / "objects").rglob("*") if path.is_file()}

    def waiting(self) -> str:
        """What every task of the server waits for, to be shown where something does not end."""

        async def told() -> str:
            text = io.StringIO()
            for task in asyncio.all_tasks():
                task.print_stack(file=text)
            return text.getvalue()

        return self.run(told)


@contextmanager
def running_api(settings: Settings, services: Sequence[Operations]) -> Iterator[ApiServer]:
    """Serve ``services`` until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    ready: list[ApiServer] = []
    failures: list[BaseException] = []
    started = threading.Event()
    stop: list[uvicorn.Server] = []

    async def serve() -> None:
        instance = await Instance.open(settings)
        # As cheap as argon2 can be; servers in processes of their own hash as they are delivered.
        passwords = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        door = Door()
        pictures = Pictures(settings)
        try:
            geoip = GeoIp(settings.geoip_file)
            parts = Collaborators(settings, instance, Registry(services), passwords, geoip, pictures=pictures)
            api = door.serve(create_api(parts), parts)
            config = uvicorn.Config(
                cast("Any", api),
                interface="asgi3",
                http=bounded_http_protocol(settings),
                ws="none",
                loop="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=5,
            )
            server = uvicorn.Server(config)
            stop.append(server)
            address = "http://{}:{}".format(*listener.getsockname())
            ready.append(ApiServer(address, settings, instance, asyncio.get_running_loop()))
            started.set()
            await server.serve([listener])
        finally:
            await pictures.close()
            door.close()
            passwords.close()
            await instance.close()

    def run() -> None:
        try:
            uvloop.run(serve())
        except BaseException as error:
            failures.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="api under test")
    thread.start()
    started.wait(30)
    try:
        if failures:
            raise failures[0]
        yield ready[0]
    finally:
        if stop:
            stop[0].should_exit = True
        thread.join(30)
        listener.close()
    if failures:
        raise failures[0]
