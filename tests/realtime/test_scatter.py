"""The innermost loop of fan-out, compiled and in Python: the same in all cases."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tidewire.realtime import _scatter
from tidewire.realtime.scatter import scatter, scatter_in_python

Scatter = Callable[[list[int], bytes, list[bytes], bytes], list[tuple[int, int]]]
pytestmark = pytest.mark.parametrize(
    "write", [_scatter.scatter, scatter_in_python], ids=["compiled", "python"]
)


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    with ExitStack() as stack:
        made = [socket.socketpair() for _ in range(5)]
        for near, far in made:
            stack.enter_context(near).setblocking(False)
            stack.enter_context(far).setblocking(False)
        yield made


Pairs = list[tuple[socket.socket, socket.socket]]


def _descriptors(pairs: Pairs) -> list[int]:
    return [near.fileno() for near, _ in pairs]


def test_the_compiled_one_is_used(write: Scatter) -> None:
    """Here there is a compiler."""
    assert scatter is _scatter.scatter


def test_each_gets_its_own(write: Scatter, pairs: Pairs) -> None:
    tails = [b"", b"one", b"a longer one", b"\0", b"last"]
    assert write(_descriptors(pairs), b"head ", tails, b" end") == []
    for (_, far), tail in zip(pairs, tails, strict=True):
        assert far.recv(100) == b"head " + tail + b" end"


def test_who_takes_a_part_or_nothing_is_named(write: Scatter, pairs: Pairs) -> None:
    full, closed = pairs[1], pairs[3]
    while True:
        try:
            full[0].send(bytes(4096))
        except BlockingIOError:
            break
    closed[1].close()
    tails = [bytes([number]) * 10 for number in range(5)]
    short = write(_descriptors(pairs), b"head", tails, b"")
    assert short == [(1, 0), (3, 0)]
    for number in (0, 2, 4):
        assert pairs[number][1].recv(100) == b"head" + tails[number]


def test_a_part_is_counted(write: Scatter, pairs: Pairs) -> None:
    message = os.urandom(8 << 20)
    [(place, taken)] = write(_descriptors(pairs)[:1], b"head", [message], b"end")
    assert place == 0
    assert 0 < taken < len(message)
    received = bytearray()
    while len(received) < taken:
        received += pairs[0][1].recv(1 << 20)
    assert received == (b"head" + message)[:taken]


def test_a_descriptor_that_is_none_takes_nothing(write: Scatter, pairs: Pairs) -> None:
    near, far = pairs[0]
    gone = near.fileno()
    near.close()
    far.close()
    assert write([gone, _descriptors(pairs)[1]], b"h", [b"1", b"2"], b"") == [(0, 0)]


def test_there_must_be_a_tail_for_each(write: Scatter, pairs: Pairs) -> None:
    with pytest.raises(ValueError, match=r"tails|argument 2"):
        write(_descriptors(pairs), b"head", [b"1"], b"")


def test_nobody_is_not_an_error(write: Scatter) -> None:
    assert write([], b"head", [], b"end") == []
