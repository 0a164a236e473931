"""Messages that begin and end alike, each to a socket of its own: the innermost loop of fan-out.

It is compiled where a C compiler was there when Tidewire was installed, and plain Python otherwise.
"""

from __future__ import annotations

import os


def scatter_in_python(
    descriptors: list[int], head: bytes, tails: list[bytes], end: bytes, /
) -> list[tuple[int, int]]:
    """Write ``head``, its own tail and ``end`` to each socket, which does not block.

    Returns the places of those that did not take all of it, each with how many bytes it took: none if its
    queue is full, and none too if it failed. Raises :class:`ValueError` unless there is a tail for each.
    """
    short = []
    for place, (descriptor, tail) in enumerate(zip(descriptors, tails, strict=True)):
        message = head + tail + end
        try:
            taken = os.write(descriptor, message)
        except OSError:
            taken = 0
        if taken != len(message):
            short.append((place, taken))
    return short


try:
    from tidewire.realtime._scatter import scatter
except ImportError:
    scatter = scatter_in_python

__all__ = ["scatter", "scatter_in_python"]
