"""The process that makes pictures: ``python -m tidewire.pictures.worker MEMORY_BYTES CPU_SECONDS``.

Heads are msgpack behind their length (4 bytes, big end first), on standard input and output. It ends when its
input does, and so with the process that started it.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from typing import BinaryIO, Final

import msgspec

from tidewire.pictures.contract import (
    Failure,
    Order,
    Outcome,
    TooLargeError,
    UndecodableError,
    UnsupportedOutputError,
)
from tidewire.pictures.making import made

HEAD_BYTES: Final = 4
_NICENESS: Final = 10
"""Events and requests come before pictures."""

_failures: Final[dict[type[Exception], Failure]] = {
    UndecodableError: "undecodable",
    TooLargeError: "too large",
    UnsupportedOutputError: "unsupported",
}


def work(source: BinaryIO, destination: BinaryIO) -> None:
    """Do what is asked for, one order after the other, until there are no more."""
    decode = msgspec.msgpack.Decoder(Order).decode
    while head := source.read(HEAD_BYTES):
        order = decode(source.read(int.from_bytes(head)))
        outcome, content = _done(order, source.read(order.size))
        encoded = msgspec.msgpack.encode(outcome)
        destination.write(len(encoded).to_bytes(HEAD_BYTES) + encoded + content)
        destination.flush()


def _done(order: Order, content: bytes) -> tuple[Outcome, bytes]:
    try:
        picture = made(order.job, content, order.limits)
    except tuple(_failures) as error:
        return Outcome(failure=_failures[type(error)], reason=str(error)), b""
    except Exception as error:  # encoders too refuse what they cannot do
        return Outcome(failure="undecodable", reason=type(error).__name__), b""
    return Outcome(size=len(picture)), picture


if __name__ == "__main__":
    memory, seconds = map(int, sys.argv[1:3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's; the server decides when to end
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    os.nice(_NICENESS)
    work(sys.stdin.buffer, sys.stdout.buffer)
