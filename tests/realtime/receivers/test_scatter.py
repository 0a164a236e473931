"""The innermost loop of fan-out, compiled and in Python: the same in all cases."""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from tidewire.realtime.receivers import _scatter, scatter
from tidewire.realtime.receivers.scatter import SocketStateInPython, scatter_in_python

SocketState = SocketStateInPython | _scatter.SocketState
Pair = tuple[Any, socket.socket]
"""The state of a socket and where its bytes arrive."""
ROUND = 7


class Way:
    """One of the two implementations."""

    def __init__(self, state: Callable[[], SocketState], write: Callable[..., list[tuple[int, int]]]) -> None:
        self.state = state
        self.write = write

    def __call__(
        self, pairs: Sequence[Pair], tails: list[bytes], *around: tuple[bytes, bytes], offset: int = 1
    ) -> list[tuple[int, int]]:
        states = [state for state, _ in pairs]
        return self.write(states, tails, 0, len(states), None, list(around), ROUND, offset)


@pytest.fixture(params=["compiled", "python"])
def way(request: pytest.FixtureRequest) -> Way:
    if request.param == "compiled":
        return Way(_scatter.SocketState, _scatter.scatter)
    return Way(SocketStateInPython, scatter_in_python)


@pytest.fixture
def pairs(way: Way) -> Iterator[list[Pair]]:
    with ExitStack() as stack:
        made = []
        for _ in range(5):
            near, far = socket.socketpair()
            stack.enter_context(near).setblocking(False)
            stack.enter_context(far).setblocking(False)
            state = way.state()
            state.descriptor, state.fast_round = near.fileno(), ROUND
            made.append((state, far))
        yield made


def _received(pair: Pair) -> bytes:
    try:
        return pair[1].recv(1 << 20)
    except BlockingIOError:
        return b""


def test_the_compiled_one_is_used() -> None:
    """Here there is a compiler."""
    assert (scatter.scatter, scatter.SocketState) == (_scatter.scatter, _scatter.SocketState)


def test_the_fast_path_is_closed_at_first(way: Way) -> None:
    state = way.state()
    assert (state.descriptor, state.fast_round, state.sent) == (-1, -1, 0)


def test_each_gets_its_own(way: Way, pairs: list[Pair]) -> None:
    tails = [b"", b"one", b"a longer one", b"\0", b"last"]
    assert way(pairs, tails, (b"head ", b" end")) == []
    assert [_received(pair) for pair in pairs] == [b"head " + tail + b" end" for tail in tails]
    assert [state.sent for state, _ in pairs] == [1] * 5


def test_several_events_are_one_write(way: Way, pairs: list[Pair]) -> None:
    tails = [b"1", b"2", b"3", b"four", b"5"]
    assert way(pairs, tails, (b"a", b"b"), (b"", b""), (b"cc", b""), offset=9) == []
    assert [_received(pair) for pair in pairs] == [b"a" + tail + b"b" + tail + b"cc" + tail for tail in tails]
    assert [state.sent for state, _ in pairs] == [9] * 5


def test_tails_of_many_lengths_without_an_offset(way: Way, pairs: list[Pair]) -> None:
    tails = [b"1", b"22", b"333", b"", b"5"]
    assert way(pairs, tails, (b"", b""), offset=0) == []
    assert [_received(pair) for pair in pairs] == tails
    assert [state.sent for state, _ in pairs] == [0] * 5


def test_only_the_places_asked_for_that_are_not_done(way: Way, pairs: list[Pair]) -> None:
    states = [state for state, _ in pairs]
    done = bytearray((0, 0, 1, 0, 0))
    tails = [b"0", b"1", b"2", b"3", b"4"]
    assert way.write(states, tails, 1, 4, done, [(b"h", b"")], ROUND, 3) == []
    assert [_received(pair) for pair in pairs] == [b"", b"h1", b"", b"h3", b""]
    assert [state.sent for state in states] == [0, 3, 0, 3, 0]


def test_who_is_not_express_is_named_and_left_alone(way: Way, pairs: list[Pair]) -> None:
    pairs[0][0].fast_round, pairs[3][0].fast_round = -1, ROUND - 1
    assert way(pairs, [b"t"] * 5, (b"h", b"")) == [(0, -1), (3, -1)]
    assert [_received(pair) for pair in pairs] == [b"", b"ht", b"ht", b"", b"ht"]
    assert pairs[0][0].sent == 0


def test_who_takes_a_part_or_nothing_is_named(way: Way, pairs: list[Pair]) -> None:
    full, closed = pairs[1], pairs[3]
    while True:
        try:
            os.write(full[0].descriptor, bytes(4096))
        except BlockingIOError:
            break
    closed[1].close()
    tails = [bytes([number]) * 10 for number in range(5)]
    assert way(pairs, tails, (b"head", b"")) == [(1, 0), (3, 0)]
    assert [_received(pairs[number]) for number in (0, 2, 4)] == [b"head" + tails[n] for n in (0, 2, 4)]


def test_a_part_is_counted(way: Way, pairs: list[Pair]) -> None:
    message = os.urandom(8 << 20)
    [(place, taken)] = way(pairs[:1], [message], (b"head", b"end"))
    assert place == 0
    assert 0 < taken < len(message)
    received = bytearray()
    while len(received) < taken:
        received += _received(pairs[0])
    assert received == (b"head" + message)[:taken]


def test_a_descriptor_that_is_none_takes_nothing(way: Way, pairs: list[Pair]) -> None:
    pairs[0][0].descriptor = -1
    assert way(pairs[:2], [b"1", b"2"], (b"h", b"")) == [(0, 0)]


@pytest.mark.parametrize(("start", "stop", "done"), [(-1, 1, 0), (0, 3, 0), (1, 0, 0), (0, 2, 1)])
def test_places_that_are_none(way: Way, pairs: list[Pair], start: int, stop: int, done: int) -> None:
    states = [state for state, _ in pairs[:2]]
    with pytest.raises(ValueError, match="places"):
        way.write(states, [b"1", b"2"], start, stop, bytearray(done) if done else None, [], ROUND, 1)


def test_there_must_be_a_tail_for_each(way: Way, pairs: list[Pair]) -> None:
    with pytest.raises(ValueError, match="tails"):
        way(pairs, [b"1"], (b"head", b""))


def test_nobody_is_not_an_error(way: Way) -> None:
    assert way([], [], (b"head", b"end")) == []


def test_nothing_but_sockets_is_written_to() -> None:
    with pytest.raises(TypeError, match="sockets"):
        _scatter.scatter([object()], [b""], 0, 1, None, [], ROUND, 1)  # type: ignore[list-item]


def test_a_lane_of_a_class_with_slots_is_freed_with_what_it_holds() -> None:
    class Own(_scatter.SocketState):
        __slots__ = ("other",)

    before = sys.getrefcount(_scatter.SocketState)
    for _ in range(100):
        own: Any = Own()
        own.other = own
    del own
    gc.collect()
    assert sys.getrefcount(Own) < 10
    assert [_scatter.SocketState() for _ in range(100)]
    assert sys.getrefcount(_scatter.SocketState) < before + 50
