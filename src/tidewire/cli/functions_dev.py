"""``tidewire functions dev``: a folder of code run as a function, begun anew when a file changes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
import uvicorn
from rich.console import Console
from rich.markup import escape

from tidewire.cli.local_function import LocalFunction, LocalFunctionError, find_function
from tidewire.cli.options import fail
from tidewire.functions.contract import (
    MAX_REQUEST_BYTES,
    BuildRequest,
    EngineError,
    FunctionRequest,
    FunctionResponse,
    Run,
)
from tidewire.functions.engine import LocalEngine, open_engine
from tidewire.functions.runtimes import language_name
from tidewire.functions.specifications import DEFAULT_SPECIFICATION, SPECIFICATIONS
from tidewire.settings import Settings
from tidewire_client import Realtime, RealtimeError

LOOK_SECONDS: Final = 0.3
"""Between two looks for files that changed."""
_PROJECT: Final = "dev"

Message = dict[str, Any]


@dataclass(frozen=True)
class DevOptions:
    """What the command was given, besides the settings."""

    folder: Path
    runtime: str
    entrypoint: str
    commands: str
    build: bool
    host: str
    port: int
    variables: Mapping[str, str]
    channels: Sequence[str]
    """The channels whose events run the function."""
    endpoint: str
    project: str
    key: str


def run_functions_dev(settings: Settings, options: DevOptions) -> None:
    """Serve a folder as a function until SIGINT or SIGTERM."""
    try:
        asyncio.run(_serve(settings, options))
    except (LocalFunctionError, EngineError, RealtimeError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot serve on {options.host}:{options.port}: {error.strerror or error}")


async def _serve(settings: Settings, options: DevOptions) -> None:
    listener = socket.create_server((options.host, options.port))
    with listener, tempfile.TemporaryDirectory(prefix="tidewire-functions-") as root:
        os.chmod(root, 0o711)  # noqa: PTH101, S103 - the code's own user passes through
        engine = await open_engine(settings, Path(root) / "engine", endpoint=options.endpoint)
        try:
            function = find_function(
                options.folder,
                await engine.runtimes(),
                runtime=options.runtime,
                entrypoint=options.entrypoint,
                commands=options.commands,
            )
            running = _Running(engine, function, options, Path(root))
            await running.renew()
            running.say_where(*listener.getsockname()[:2])
            # The interface is named, because a bound coroutine method is taken for another one.
            config = uvicorn.Config(
                running.answer,
                interface="asgi3",
                log_level="error",
                lifespan="off",
                ws="none",
                server_header=False,
            )
            server = _Server(config)
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, server.stop)
            helpers = [asyncio.create_task(running.watch())]
            if options.channels:
                helpers.append(asyncio.create_task(running.listen()))
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            done, _ = await asyncio.wait([serving, *helpers], return_when=asyncio.FIRST_COMPLETED)
            server.stop()
            for helper in helpers:
                helper.cancel()
            await asyncio.wait([serving, *helpers])
            for task in done:
                task.result()
        finally:
            await engine.close()


class _Server(uvicorn.Server):
    """Serves until it is told to stop; signals are the command's own, which has code to end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        self.should_exit = True


class _Running:
    """The function as its files are now."""

    def __init__(
        self, engine: LocalEngine, function: LocalFunction, options: DevOptions, folder: Path
    ) -> None:
        self._engine = engine
        self._function = function
        self._options = options
        self._folder = folder
        self._number = 0
        self._state = 0
        self._run: Run | None = None
        self._console = Console(highlight=False)

    def say_where(self, host: str, port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        self._print(
            f"{self._function.entrypoint} runs with {self._function.runtime} "
            f"({self._engine.isolation}) at http://{shown}:{port}/"
        )
        if self._engine.isolation == "limits":
            self._print("nothing keeps the code from the files of this machine: install bubblewrap", "yellow")

    async def renew(self) -> None:
        """Take the files as they are now; executions that run go on with the former ones."""
        self._number += 1
        self._state = await asyncio.to_thread(self._function.state)
        former, archive = self._run, self._folder / f"{self._number}.tar.gz"
        await asyncio.to_thread(self._function.pack, archive)
        if self._options.build and self._function.commands:
            archive = await self._built(archive)
        self._run = Run(
            _PROJECT,
            str(self._number),
            self._function.runtime,
            self._function.entrypoint,
            SPECIFICATIONS[DEFAULT_SPECIFICATION],
            self._environment(),
            lambda: _read(archive),
        )
        if former is not None:
            await self._engine.stop(_PROJECT, former.deployment)

    async def watch(self) -> None:
        """Begin anew whenever a file changed."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await asyncio.to_thread(self._function.state) == self._state:
                continue
            try:
                await self.renew()
            except (EngineError, OSError) as error:
                self._print(f"not reloaded: {error}", "red")
            else:
                self._print("reloaded", "cyan")

    async def listen(self) -> None:
        """Run the function for the events of a server, as an event trigger does."""
        options = self._options
        async with Realtime(options.endpoint, options.project, key=options.key) as realtime:
            subscription = realtime.subscribe(options.channels)
            await subscription.active()
            self._print("runs for the events of " + ", ".join(options.channels))
            async for event in subscription:
                self._print(event.name, "magenta")
                headers = [("content-type", "application/json"), ("x-appwrite-event", event.name)]
                await self._execute("POST", "/", headers, msgspec.json.encode(event.payload), "event")

    async def answer(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """The ASGI application: each request is an execution."""
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_REQUEST_BYTES:
                await _respond(send, 413, [], f"A body has at most {MAX_REQUEST_BYTES} bytes.".encode())
                return
        path = quote(scope["path"]) if not scope.get("raw_path") else scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        headers = [
            (name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in scope["headers"]
        ]
        response = await self._execute(
            scope["method"], f"{path}?{query}" if query else path, headers, bytes(body), "http"
        )
        if isinstance(response, EngineError):
            await _respond(send, 500, [("content-type", "text/plain; charset=utf-8")], str(response).encode())
        else:
            await _respond(send, response.status, response.headers, response.body)

    async def _execute(
        self, method: str, path: str, headers: list[tuple[str, str]], body: bytes, trigger: str
    ) -> FunctionResponse | EngineError:
        assert self._run is not None
        kept = [each for each in headers if each[0] not in {"content-length", "transfer-encoding"}]
        kept += [
            ("x-appwrite-execution-id", secrets.token_hex(10)),
            ("x-appwrite-trigger", trigger),
            ("x-appwrite-key", self._options.key),
            ("x-appwrite-user-id", ""),
            ("x-appwrite-user-jwt", ""),
        ]
        request = FunctionRequest(method, path, kept, body, timeout=self._function.timeout)
        try:
            response = await self._engine.execute(self._run, request)
        except EngineError as error:
            self._print(f"{method} {path}: {error}", "red")
            self._show(error.logs, error.errors)
            return error
        except OSError as error:
            failure = EngineError(f"The code cannot be read: {error.strerror or error}.")
            self._print(str(failure), "red")
            return failure
        started = ", started" if response.cold_start else ""
        colour = "green" if response.status < 400 else "yellow" if response.status < 500 else "red"
        self._print(f"{method} {path} {response.status} {response.duration * 1000:.0f} ms{started}", colour)
        self._show(response.logs, response.errors)
        return response

    async def _built(self, source: Path) -> Path:
        output = source.with_name(f"built-{source.name}")
        request = BuildRequest(
            _PROJECT,
            str(self._number),
            self._function.runtime,
            source,
            output,
            self._function.entrypoint,
            self._function.commands,
            self._environment(),
            SPECIFICATIONS[DEFAULT_SPECIFICATION],
        )
        await self._engine.build(request, lambda log: self._console.print(escape(log), end=""))
        return output

    def _environment(self) -> dict[str, str]:
        runtime = self._function.runtime
        return {
            **self._function.variables(),
            **self._options.variables,
            "APPWRITE_FUNCTION_API_ENDPOINT": self._options.endpoint,
            "APPWRITE_FUNCTION_PROJECT_ID": self._options.project,
            "APPWRITE_FUNCTION_ID": self._function.folder.name,
            "APPWRITE_FUNCTION_NAME": self._function.folder.name,
            "APPWRITE_FUNCTION_DEPLOYMENT": str(self._number),
            "APPWRITE_FUNCTION_RUNTIME_NAME": language_name(runtime),
            "APPWRITE_FUNCTION_RUNTIME_VERSION": runtime.rpartition("-")[2],
        }

    def _print(self, text: str, colour: str = "") -> None:
        self._console.print(escape(text), style=colour, soft_wrap=True)

    def _show(self, logs: str, errors: str) -> None:
        for text, colour in ((logs, ""), (errors, "red")):
            for line in text.splitlines():
                self._print(f"  {line}", colour)


async def _read(archive: Path) -> AsyncIterator[bytes]:
    with contextlib.closing(archive.open("rb")) as file:
        while piece := await asyncio.to_thread(file.read, 2**18):
            yield piece


async def _respond(
    send: Callable[[Message], Awaitable[None]], status: int, headers: Sequence[tuple[str, str]], body: bytes
) -> None:
    encoded = [(name.encode("latin-1", "replace"), value.encode()) for name, value in headers]
    if all(name != b"content-length" for name, _ in encoded):  # it is there after HEAD
        encoded.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
