"""The structure of a JSON text, found before anything is made of it: how many values, and how deep they nest.

What costs time and memory is the making of objects, so that a text which is refused must be refused before.
It is looked through as an array of bytes, outside the interpreter.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidewire.core.json_bounds import CONTAINER_WEIGHT, DEEPEST_NESTING, too_deep, too_many

_BLOCK_BYTES: Final = 64 * 1024
"""Bytes of text that are looked through at a time, which takes less than a millisecond."""


@dataclass(frozen=True)
class Structure:
    """What stands outside the strings of a JSON text."""

    commas: NDArray[np.int64]
    """The positions of the commas."""
    depths: NDArray[np.int32]
    """For each comma, the number of arrays and objects that it stands in."""
    weight: int
    """Values; arrays and objects count :data:`CONTAINER_WEIGHT` times."""


def nests_too_deep(text: str | bytes) -> bool:
    """Whether a text nests deeper than :data:`DEEPEST_NESTING`. Of what is no JSON it may say either."""
    blocks = _blocks(bytearray(text.encode() if isinstance(text, str) else text))
    return any(block.deepest > DEEPEST_NESTING for block in blocks)


def structure_in_steps(text: bytearray, limit: int) -> Generator[None, None, Structure]:
    """Look through a JSON text of at most ``limit`` values, in steps of less than a millisecond.

    What is no JSON may get past this. Raises :class:`TidewireError` ``general_content_too_large`` and
    ``general_argument_invalid``.
    """
    commas: list[NDArray[np.int64]] = []
    depths: list[NDArray[np.int32]] = []
    weight = 1
    for block in _blocks(text):
        if block.deepest > DEEPEST_NESTING:
            raise too_deep()
        weight += len(block.commas) + CONTAINER_WEIGHT * block.containers
        if weight > limit:
            raise too_many(limit)
        commas.append(block.commas)
        depths.append(block.depths)
        yield
    return Structure(np.concatenate(commas), np.concatenate(depths), weight)


@dataclass(frozen=True)
class _Block:
    """A part of a text."""

    commas: NDArray[np.int64]
    depths: NDArray[np.int32]
    containers: int
    """How many arrays and objects begin in this part."""
    deepest: int
    """The deepest nesting anywhere in this part."""


def _blocks(text: bytearray) -> Iterator[_Block]:
    depth, inside = 0, 0
    for start, end in _cut(text):
        block = np.frombuffer(text, np.uint8, end - start, start)
        in_string = np.bitwise_xor.accumulate(_quotes(block).view(np.uint8)) ^ inside
        inside = int(in_string[-1])
        outside = in_string == 0
        opened = ((block == ord("[")) | (block == ord("{"))) & outside
        closed = ((block == ord("]")) | (block == ord("}"))) & outside
        levels = np.cumsum(opened.view(np.int8) - closed.view(np.int8), dtype=np.int32) + depth
        depth = int(levels[-1])
        found = np.flatnonzero((block == ord(",")) & outside)
        yield _Block(found + start, levels[found], int(np.count_nonzero(opened)), int(levels.max()))


def _cut(text: bytearray) -> Iterator[tuple[int, int]]:
    """Parts of a text, none of which ends within an escape sequence."""
    start = 0
    while start < len(text):
        end = start + len(text[start : start + _BLOCK_BYTES].rstrip(b"\\"))
        if end == start:  # nothing but backslashes
            end = len(text) - len(text[start:].lstrip(b"\\"))
            end = min(len(text), end + 1)
        yield start, end
        start = end


def _quotes(text: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The places where strings begin and end: quotation marks that an even number of backslashes precedes."""
    quotes: NDArray[np.bool_] = text == ord('"')
    backslashes = text == ord("\\")
    if backslashes.any():
        places = np.arange(len(text), dtype=np.int32)
        last_other = np.maximum.accumulate(np.where(backslashes, np.int32(-1), places))
        quotes[1:] &= (places[:-1] - last_other[:-1]) % 2 == 0
    return quotes
