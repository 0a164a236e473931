"""Events to sockets, one message after the other: the innermost loop of fan-out.

It is compiled where a C compiler was there when Tidewire was installed, and plain Python otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Sequence


class LaneInPython:
    """How a connection is written to past its transport."""

    __slots__ = ("descriptor", "express", "sent")

    def __init__(self) -> None:
        self.descriptor = -1
        """Of the socket below the transport, which is never asked to keep anything while this is used."""
        self.express = -1
        """The round of acknowledgements in which events may be written to the socket as they are: the
        connection was asked in it already, and its transport keeps nothing. -1: in none."""
        self.sent = 0
        """Offset of the last event that was written to it; 0: none yet."""


def scatter_in_python(
    lanes: Sequence[LaneInPython],
    tails: Sequence[bytes],
    start: int,
    stop: int,
    done: bytearray | None,
    around: Sequence[tuple[bytes, bytes]],
    round: int,  # noqa: A002 - by place only
    offset: int,
    /,
) -> list[tuple[int, int]]:
    """Write to those ``lanes`` from ``start`` to ``stop`` that are express in ``round`` and not ``done``.

    Each gets one write: for each event of ``around`` what stands before its own tail, the tail, and what
    stands after it. Unless it is 0, ``offset`` is now what was last sent.

    Returns the places of the others that are not done, each with -1, and of those whose sockets did not take
    all, each with how many bytes it took: none if its queue is full, and none too if it failed. Raises
    :class:`ValueError` unless there are as many tails as lanes, and a lane at each place.
    """
    if len(lanes) != len(tails):
        raise ValueError("there must be as many tails as lanes")
    if not 0 <= start <= stop <= len(lanes) or (done is not None and stop > len(done)):
        raise ValueError("the places must be some of those of the lanes")
    found = []
    for place in range(start, stop):
        lane, tail = lanes[place], tails[place]
        if done is not None and done[place]:
            continue
        if lane.express != round:
            found.append((place, -1))
            continue
        lane.sent = offset or lane.sent
        message = b"".join(head + tail + end for head, end in around)
        try:
            taken = os.write(lane.descriptor, message)
        except OSError:
            taken = 0
        if taken != len(message):
            found.append((place, taken))
    return found


try:
    from tidewire.realtime._scatter import Lane, scatter
except ImportError:
    Lane, scatter = LaneInPython, scatter_in_python  # type: ignore[misc, assignment]

__all__ = ["Lane", "LaneInPython", "scatter", "scatter_in_python"]
