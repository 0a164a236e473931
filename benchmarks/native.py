"""The two C programs: compiling them, running the load generator, and reading what it prints."""

from __future__ import annotations

import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

SOURCES: Final = Path(__file__).parent / "native"
BUILD: Final = Path(__file__).parent / "build"

COMMON: Final = ("common.c", "http.c", "websocket.c")
PROGRAMS: Final = {
    "client": (
        *("client.c", "subscribers.c", "conversation.c", "pocketbase.c", "requesters.c", "report.c"),
        *COMMON,
    ),
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


class Sample(msgspec.Struct, frozen=True):
    """The first event of one of the first subscribers, as it came."""

    id: str
    """Of the subscriber's first subscription."""
    compressed: bool
    hexadecimal: str

    def text(self) -> bytes:
        """The message, inflated by RFC 7692 if it came compressed. Raises :class:`NativeError`."""
        data = bytes.fromhex(self.hexadecimal)
        if not self.compressed:
            return data
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data + b"\x00\x00\xff\xff")
        except zlib.error as error:
            raise NativeError(f"a compressed event does not inflate: {error}") from error


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
    """Size of the newest event's message as it came, without its frame header."""
    client_busy: float
    """Processor time of the load generator by wall time: near 1, it was the limit, not the server."""
    response: Series
    samples: list[Sample]
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
class Endpoint:
    """Where subscribers connect, and what they say to be subscribed. See `native/load.h`."""

    port: int
    path: str
    row: str = ""
    """One subscription as JSON, with ``@id@``, ``@place@`` and ``@number@`` in it."""
    subscriptions: int = 1
    """Rows of each subscriber."""
    protocol: Literal["tidewire", "plain", "pocketbase", "graphql"] = "tidewire"
    shared: bool = False
    """Whether all receivers get the same bytes, without an id of their own."""

    def arguments(self) -> list[str]:
        """The program's options."""
        return [
            f"--port={self.port}",
            f"--path={self.path}",
            f"--row={self.row}",
            f"--subscriptions={self.subscriptions}",
            f"--protocol={self.protocol}",
            *(["--shared"] if self.shared else []),
        ]


@dataclass(frozen=True)
class Plan:
    """What one run of the load generator does. See `native/load.h`."""

    subscribers: int = 0
    first: int = 0
    """Number of the first subscriber; those of load generators at the same time should differ."""
    connecting: int = 32
    ids: int = 0
    """Subscription ids are those of another run with the same number; 0: they are new."""
    missed: int = 0
    """Events that each subscriber gets again when it comes back, before it counts as subscribed."""
    deflate: bool = False
    """Insist on permessage-deflate."""
    pong: bool = True
    """Answer pings of the server, as most clients do."""
    request: bytes = b""
    requests: int = 0
    warm_up: int = 0
    in_flight: int = 1
    interval_us: int = 0

    def arguments(self) -> list[str]:
        """The program's options; the request itself goes to its standard input."""
        arguments = [
            f"--subscribers={self.subscribers}",
            f"--first={self.first}",
            f"--connecting={self.connecting}",
            f"--ids={self.ids}",
            f"--missed={self.missed}",
            *(["--deflate"] if self.deflate else []),
            *(["--pong"] if self.pong else []),
        ]
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

    def run(self, endpoint: Endpoint, plan: Plan) -> Outcome:
        """Carry a plan out. Raises :class:`NativeError` if anything but the expected happened."""
        command = self._command(endpoint, plan)
        result = subprocess.run(command, input=plan.request, capture_output=True, check=False)
        _check(result.returncode, result.stderr.decode(errors="replace"), "client")
        outcome = _outcome(result.stdout.decode())
        if outcome.requested and not endpoint.shared and endpoint.protocol != "pocketbase":
            _check_ids(outcome.requested.samples)
        return outcome

    @contextmanager
    def hold(self, endpoint: Endpoint, plan: Plan) -> Iterator[Outcome]:
        """Carry a plan without requests out and keep the subscribers connected while the context lasts."""
        command = [*self._command(endpoint, plan), "--hold"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
            assert process.stdin and process.stdout and process.stderr
            yield _outcome(process.stdout.readline())
            process.stdin.close()
            _check(process.wait(), process.stderr.read(), "client")

    @contextmanager
    def beside(self, endpoint: Endpoint, plan: Plan) -> Iterator[Callable[[], Outcome]]:
        """Carry a plan with requests out while other things are done, from when all are subscribed.

        The function that the context has waits for the end.
        """
        pipe = subprocess.PIPE
        command = self._command(endpoint, plan)
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            assert process.stdin and process.stdout and process.stderr
            process.stdin.write(plan.request)
            process.stdin.close()
            connected = process.stdout.readline()

            def finish() -> Outcome:
                assert process.stdout and process.stderr
                rest = process.stdout.read()
                _check(process.wait(), process.stderr.read().decode(errors="replace"), "client")
                return _outcome((connected + rest).decode())

            try:
                yield finish
            finally:
                process.kill()

    def _command(self, endpoint: Endpoint, plan: Plan) -> list[str]:
        program = str(self.directory / "client")
        return [*pinned(self.core), program, *endpoint.arguments(), *plan.arguments()]


def pinned(core: int) -> list[str]:
    """The start of a command whose process, with all its threads, stays on one core."""
    return ["taskset", "--cpu-list", str(core)]


def _outcome(printed: str) -> Outcome:
    phases = [_decoder.decode(line) for line in printed.splitlines()]
    connected = [phase for phase in phases if isinstance(phase, Connected)]
    requested = [phase for phase in phases if isinstance(phase, Requested)]
    return Outcome(next(iter(connected), None), next(iter(requested), None))


def _check_ids(samples: list[Sample]) -> None:
    """The program itself looks for the id in every subscriber's first event, but not in compressed ones."""
    for sample in samples:
        if sample.compressed and sample.id.encode() not in sample.text():
            raise NativeError(f"a compressed event without the receiver's subscription id {sample.id}")


def _check(status: int, complaint: str, program: str) -> None:
    if status != 0:
        raise NativeError(f"{program}: {complaint.strip() or f'exit status {status}'}")
