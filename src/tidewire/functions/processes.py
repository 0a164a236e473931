"""A warm process of a deployment: the shim's server with the code, in the sandbox."""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidewire.functions.confinement import Cell, Place, search_path
from tidewire.functions.contract import (
    MAX_REQUEST_BYTES,
    CrashedError,
    EngineError,
    FunctionRequest,
    FunctionResponse,
    NotReadyError,
    Run,
    TimedOutError,
    TooLargeError,
)
from tidewire.functions.logs import LogRecords, Pipe, Tail, Written
from tidewire.functions.relay import ApiRelay
from tidewire.functions.runtimes import Installed
from tidewire.functions.sandbox import Confined, Sandbox
from tidewire.functions.scratch import Scratch
from tidewire.functions.wire import INTERNAL, Connection, WireAnswer, encode_request

CODE: Final = "/tidewire/function"
"""The folder in which code sees itself, in a build too."""
SHIM: Final = "/tidewire/shim"
GRACE: Final = 1.0
"""Seconds after its time in which the shim may say itself that the time is over."""
_OUTPUT_CHARACTERS: Final = 64 * 1024
"""The most characters kept of what the process writes beside its logs, for the case that it ends."""
_BACKLOG: Final = 1024
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Bounds:
    """What all processes of functions may use, besides their specification."""

    tasks: int
    temporary_bytes: int
    answer_bytes: int
    network: bool
    relay: ApiRelay | None = None
    """The way to the API where there is no network."""


class WarmProcess:
    """Takes any number of requests at once. All methods belong to one event loop."""

    def __init__(
        self,
        confined: Confined,
        path: Path,
        address: str,
        secret: str,
        log_pipe: int,
        output_pipe: int,
        held: int,
        bounds: Bounds,
        temporary: Path | None,
    ) -> None:
        self._confined = confined
        self._socket = path
        self._address = address
        self._secret = secret
        self._records = LogRecords()
        self._output = Tail(_OUTPUT_CHARACTERS)
        self._pipes = (
            Pipe(log_pipe, self._records.take),
            Pipe(output_pipe, lambda data: self._output.add(data.decode(errors="replace"))),
        )
        self._held = held
        """The end of a pipe to which nothing is written; the process ends when it is closed, as by a kill of
        the server. The kernel's signal for that (PR_SET_PDEATHSIG) is missed by a program that asks too late.
        """
        self._bounds = bounds
        self.temporary = temporary
        """Its own folder for temporary files, where it has no file tree of its own."""
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._executions = itertools.count(1)
        self._code: int | None = None
        self.ended = asyncio.get_running_loop().create_task(self._wait())
        """Done when it has ended, whatever the reason."""

    async def call(self, request: FunctionRequest, deadline: float) -> FunctionResponse:
        """One execution; ``deadline`` is a time of the event loop. Its duration is left to the caller.

        Raises what :meth:`Engine.execute` does. A process that did not answer is not called again.
        """
        execution = str(next(self._executions))
        written = self._records.open(execution)
        try:
            encoded = self._encoded(request, execution, deadline)
            async with asyncio.timeout_at(deadline + GRACE):
                answer = await self._exchange(encoded)
            self._pipes[0].drain()
            return _response(answer, written if request.logging else Written())
        except (EngineError, TimeoutError) as error:
            failed = await self._failed(error)
            self._pipes[0].drain()
            if request.logging:
                failed.logs, failed.errors = str(written.log), str(written.error) + failed.errors
            else:
                failed.errors = ""
            raise failed from None
        finally:
            self._records.forget(execution)

    async def kill(self) -> None:
        """End it at once, with all that it started."""
        self.ended.cancel()
        for connection in [*self._idle, *self._busy]:
            connection.close()
        await self._confined.kill()
        for pipe in self._pipes:
            pipe.close()
        held, self._held = self._held, -1
        if held >= 0:
            os.close(held)
        with suppress(OSError):
            self._socket.unlink()

    def _encoded(self, request: FunctionRequest, execution: str, deadline: float) -> bytes:
        if len(request.body) > MAX_REQUEST_BYTES:
            raise TooLargeError(f"The body of the request is larger than {MAX_REQUEST_BYTES} bytes.")
        left = max(1, math.ceil(deadline - asyncio.get_running_loop().time() - 0.1))
        internal = (
            (f"{INTERNAL}secret", self._secret),
            (f"{INTERNAL}timeout", str(left)),
            (f"{INTERNAL}logging", "enabled" if request.logging else "disabled"),
            (f"{INTERNAL}log-id", execution),
        )
        try:
            return encode_request(request.method, request.path, request.headers, internal, request.body)
        except ValueError as error:
            raise NotReadyError(f"The request cannot be sent: {error}.") from None

    async def _exchange(self, request: bytes) -> WireAnswer:
        connection = self._idle.pop() if self._idle else await self._connect()
        self._busy.add(connection)
        try:
            return await connection.exchange(request)
        finally:
            self._busy.discard(connection)
            if connection.usable:
                self._idle.append(connection)
            else:
                connection.close()

    async def _connect(self) -> Connection:
        make = lambda: Connection(self._bounds.answer_bytes)  # noqa: E731 - a factory
        try:
            return (await asyncio.get_running_loop().create_unix_connection(make, self._address))[1]
        except OSError as error:
            raise CrashedError(
                f"The process of the function takes no connections: {error.strerror}."
            ) from None

    async def _failed(self, error: EngineError | TimeoutError) -> EngineError:
        """The error that the caller gets: with the reason why the process ended, if it did."""
        if isinstance(error, TimeoutError):
            return TimedOutError("Execution timed out.")
        if isinstance(error, CrashedError):
            with suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(asyncio.shield(self.ended), 0.2)
            if self._code is not None:
                self._pipes[1].drain()
                return CrashedError(_reason(self._code), errors=str(self._output))
        return error

    async def _wait(self) -> None:
        self._code = await self._confined.process.wait()
        for connection in [*self._idle, *self._busy]:
            connection.close()


async def start_process(
    installed: Installed, run: Run, code: Path, sandbox: Sandbox, scratch: Scratch, bounds: Bounds
) -> WarmProcess:
    """Start the server of a runtime with the code in a folder. Raises :class:`NotReadyError`.

    It can be called at once: the socket takes connections before the program runs.
    """
    number = next(_numbers)
    secret = secrets.token_hex(16)
    path = scratch.path / f"{number}.sock"
    address = f"/proc/self/fd/{scratch.descriptor}/{path.name}"
    places = [
        Place(code, CODE),
        Place(installed.shim, SHIM),
        *(Place(each, str(each)) for each in installed.needed),
    ]
    if bounds.relay is not None:
        places += bounds.relay.places
    temporary = None
    if sandbox.isolation == "limits":
        temporary = scratch.path / f"{number}.tmp"
        temporary.mkdir(mode=0o700)
        places.append(Place(temporary, "/tmp", writable=True))  # noqa: S108
    home = str(temporary or "/tmp")  # noqa: S108
    environment = {
        **search_path(installed.program),
        "HOME": home,
        "TMPDIR": home,
        **installed.language.environment,
        **run.environment,
        "OPEN_RUNTIMES_SECRET": secret,
        "OPEN_RUNTIMES_ENTRYPOINT": run.entrypoint,
    }
    cell = Cell(
        tuple(places), code, run.specification, bounds.tasks, bounds.temporary_bytes, bounds.temporary_bytes,
        bounds.network,
    )  # fmt: skip
    log_read, log_write = os.pipe()
    output_read, output_write = os.pipe()
    life, held = os.pipe()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
            listening.bind(address)
            listening.listen(_BACKLOG)
            descriptors = (listening.fileno(), log_write, life)
            arguments = [*map(str, descriptors), sandbox.seen(places[0])]
            arguments += bounds.relay.arguments if bounds.relay is not None else []
            command = installed.command(sandbox.seen(places[1]), run.specification, arguments)
            confined = await sandbox.start(
                command, cell, environment, descriptors=descriptors, output=output_write
            )
    except OSError as error:
        for descriptor in (log_read, output_read, held):
            os.close(descriptor)
        path.unlink(missing_ok=True)
        raise NotReadyError(f"No process can be started: {error.strerror or error}.") from None
    finally:
        os.close(log_write)
        os.close(output_write)
        os.close(life)
    return WarmProcess(confined, path, address, secret, log_read, output_read, held, bounds, temporary)


def _response(answer: WireAnswer, written: Written) -> FunctionResponse:
    return FunctionResponse(
        answer.status,
        answer.headers,
        answer.body,
        str(written.log),
        str(written.error),
        duration=0,
        cold_start=False,
    )


def _reason(code: int) -> str:
    # The sandbox passes signals on as 128 and their number.
    number = -code if code < 0 else code - 128 if code > 128 else 0
    if number == 9:
        return "The process of the function was killed, perhaps because it used more memory than it may."
    if number:
        return f"The process of the function ended by signal {number}."
    return f"The process of the function ended with exit code {code}."
