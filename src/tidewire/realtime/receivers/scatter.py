"""Scatter: the innermost loop of fan-out, which writes one event frame after the other to sockets.

The loop is compiled where a C compiler was there when Tidewire was installed, and plain Python otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Sequence


class SocketStateInPython:
    """The part of a connection that the loop reads: how to write to its socket past its transport."""

    __slots__ = ("descriptor", "fast_round", "sent")

    def __init__(self) -> None:
        self.descriptor = -1
        """The socket below the transport; the transport keeps nothing while the fast path is used."""
        self.fast_round = -1
        """The round of acknowledgements in which the fast path is open, that is, in which events may be
        written to the socket as they are: the connection was sent its ping of that round already, and its
        transport keeps nothing. -1: in none."""
        self.sent = 0
        """Offset of the last event that was written to it; 0: none yet."""


def scatter_in_python(
    sockets: Sequence[SocketStateInPython],
    tails: Sequence[bytes],
    start: int,
    stop: int,
    done: bytearray | None,
    around: Sequence[tuple[bytes, bytes]],
    round: int,  # noqa: A002 - by position only
    offset: int,
    /,
) -> list[tuple[int, int]]:
    """Write to the sockets from ``start`` to ``stop`` whose fast path is open, unless they are ``done``.

    The fast path is open if ``fast_round`` is ``round``. Each socket gets one write: for each pair of
    ``around`` the shared head, the tail of the receiver, and the shared end. Unless it is 0, ``offset`` is
    noted as what was sent last.

    Returns pairs of an index and a number: -1 for each of the others that is not done, and for each socket
    that did not take all bytes the number that it took, which is 0 if its queue is full or the write failed.
    Raises :class:`ValueError` unless there are as many tails as sockets, and a socket at each index.
    """
    if len(sockets) != len(tails):
        raise ValueError("there must be as many tails as sockets")
    if not 0 <= start <= stop <= len(sockets) or (done is not None and stop > len(done)):
        raise ValueError("the places must be some of those of the sockets")
    found = []
    for index in range(start, stop):
        state, tail = sockets[index], tails[index]
        if done is not None and done[index]:
            continue
        if state.fast_round != round:
            found.append((index, -1))
            continue
        state.sent = offset or state.sent
        message = b"".join(head + tail + end for head, end in around)
        try:
            taken = os.write(state.descriptor, message)
        except OSError:
            taken = 0
        if taken != len(message):
            found.append((index, taken))
    return found


try:
    from tidewire.realtime.receivers._scatter import SocketState, scatter
except ImportError:
    SocketState, scatter = SocketStateInPython, scatter_in_python  # type: ignore[misc, assignment]

__all__ = ["SocketState", "SocketStateInPython", "scatter", "scatter_in_python"]
