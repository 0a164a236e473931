"""The two C programs: compiling them, running the load generator, and reading what it prints."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

SOURCES: Final = Path(__file__).parent / "native"
BUILD: Final = Path(__file__).parent / "build"

COMMON: Final = ("common.c", "http.c", "websocket.c")
PROGRAMS: Final = {
    "client": ("client.c", "subscribers.c", "requesters.c", "report.c", *COMMON),
    "sender": ("sender.c", *COMMON),
}
FLAGS: Final = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra")


class NativeError(Exception):
    """A program could not be compiled, or ended with an error; the text is what it said."""


class Series(msgspec.Struct, frozen=True):
    """Durations in microseconds; percentiles are nearest-rank."""

    count: int
    mean: float
    p50: int
    p90: int
    p99: int
    max: int


class Connected(msgspec.Struct, frozen=True, tag_field="phase", tag="connected"):
    """All subscribers are subscribed."""

    subscribers: int
    seconds: float
    """From the first connect to the last answer to a `subscribe`."""
    subscribe_time: Series


class Requested(msgspec.Struct, frozen=True, tag_field="phase", tag="requests"):
    """All requests are answered and their events received; what the warm-up caused is left out."""

    requests: int
    seconds: float
    messages: int
    event_bytes: int
    """Size of the newest event's message, without its frame header."""
    client_busy: float
    """Processor time of the load generator by wall time: near 1, it was the limit, not the server."""
    response: Series
    receipt: Series | None = None
    """From a request's sending to a receipt, over all receipts."""
    first_receipt: Series | None = None
    last_receipt: Series | None = None
    first_to_last: Series | None = None
    response_to_last: Series | None = None
    """From a request's answer to the last receipt of its event; negative if the answer came later."""


_decoder: Final = msgspec.json.Decoder(Connected | Requested)


def build(directory: Path = BUILD, flags: tuple[str, ...] = FLAGS) -> None:
    """Compile both programs into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for program, sources in PROGRAMS.items():
        command = ["cc", *flags, *(str(SOURCES / name) for name in sources), "-o", str(directory / program)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        _check(result.returncode, result.stderr, program)


@dataclass(frozen=True)
class Plan:
    """What one run of the load generator does. See `native/load.h`."""

    subscribers: int = 0
    connecting: int = 32
    request: bytes = b""
    requests: int = 0
    warm_up: int = 0
    in_flight: int = 1
    interval_us: int = 0

    def arguments(self) -> list[str]:
        """The program's options; the request itself goes to its standard input."""
        arguments = [f"--subscribers={self.subscribers}", f"--connecting={self.connecting}"]
        if self.requests:
            arguments += [
                "--request-file=/dev/stdin",
                f"--requests={self.requests}",
                f"--warm-up={self.warm_up}",
                f"--in-flight={self.in_flight}",
                f"--interval-us={self.interval_us}",
            ]
        return arguments


@dataclass(frozen=True)
class Outcome:
    """What a run of the load generator printed; a phase that was not planned is None."""

    connected: Connected | None = None
    requested: Requested | None = None


@dataclass(frozen=True)
class LoadGenerator:
    """The load generator, pinned to a core."""

    core: int
    directory: Path = BUILD

    def run(self, port: int, path: str, channel: str, plan: Plan) -> Outcome:
        """Carry a plan out. Raises :class:`NativeError` if anything but the expected happened."""
        command = self._command(port, path, channel, plan)
        result = subprocess.run(command, input=plan.request, capture_output=True, check=False)
        _check(result.returncode, result.stderr.decode(), "client")
        return _outcome(result.stdout.decode())

    @contextmanager
    def hold(self, port: int, path: str, channel: str, plan: Plan) -> Iterator[Outcome]:
        """Carry a plan without requests out and keep the subscribers connected while the context lasts."""
        command = [*self._command(port, path, channel, plan), "--hold"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
            assert process.stdin and process.stdout and process.stderr
            yield _outcome(process.stdout.readline())
            process.stdin.close()
            _check(process.wait(), process.stderr.read(), "client")

    def _command(self, port: int, path: str, channel: str, plan: Plan) -> list[str]:
        return [
            *pinned(self.core),
            str(self.directory / "client"),
            f"--port={port}",
            f"--path={path}",
            f"--channel={channel}",
            *plan.arguments(),
        ]


def pinned(core: int) -> list[str]:
    """The start of a command whose process, with all its threads, stays on one core."""
    return ["taskset", "--cpu-list", str(core)]


def _outcome(printed: str) -> Outcome:
    phases = [_decoder.decode(line) for line in printed.splitlines()]
    connected = [phase for phase in phases if isinstance(phase, Connected)]
    requested = [phase for phase in phases if isinstance(phase, Requested)]
    return Outcome(next(iter(connected), None), next(iter(requested), None))


def _check(status: int, complaint: str, program: str) -> None:
    if status != 0:
        raise NativeError(f"{program}: {complaint.strip() or f'exit status {status}'}")
