"""Large JSON bodies, decoded in steps between which the event loop does everything else.

What costs time is the making of objects, and no thread or process makes them for us without holding ours up.
So the text is first looked through for its structure, outside the interpreter: that bounds the number of
values and their nesting, and finds the commas at which it can be cut. Each piece is then decoded by itself.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from tidewire.core.errors import TidewireError
from tidewire.core.nesting import DEEPEST_NESTING, TOO_DEEP

CONTAINER_WEIGHT: Final = 4
"""An array or object counts as so many values: that is what it costs in memory, and to be freed."""
VALUE_BYTES: Final = 48
"""What a value takes in memory, about, beside its text."""

_STEP_BYTES: Final = 24 * 1024
"""Of text that are decoded in one step: at most a millisecond's work."""
_BLOCK_BYTES: Final = 512 * 1024
"""Of text that are looked through at a time."""
_PAUSE_AFTER_SECONDS: Final = 0.001
_LONGEST_NAME: Final = 64 * 1024
_NAME: Final = re.compile(rb'[ \t\n\r]*("[^"\\]*(?:\\.[^"\\]*)*")[ \t\n\r]*:', re.DOTALL)
_BLANK: Final = b" \t\n\r"
_ENDS: Final = {ord("["): ord("]"), ord("{"): ord("}")}


@dataclass(frozen=True)
class Structure:
    """What stands outside the strings of a JSON text."""

    commas: NDArray[np.int64]
    """Their positions."""
    depths: NDArray[np.int32]
    """In how many arrays and objects each of them stands."""
    weight: int
    """Values; arrays and objects count :data:`CONTAINER_WEIGHT` times."""


class LargeJson:
    """Decodes large bodies of one process, one at a time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._turn = asyncio.Lock()

    async def decode(self, body: bytearray, hold: Callable[[int], Awaitable[None]]) -> Any:
        """The value of a JSON text.

        ``hold`` is told how many bytes its values will take, before they do. Raises msgspec's DecodeError,
        :class:`TidewireError` ``general_argument_invalid`` where it has too many values or nests too deeply,
        and what ``hold`` raises.
        """
        async with self._turn:
            structure = await asyncio.to_thread(structure_of, body, self._limit)
            await hold(structure.weight * VALUE_BYTES)
            return await _Decoder(body, structure).value(0, len(body), 1)


def structure_of(body: bytearray, limit: int) -> Structure:
    """Look through a JSON text of at most ``limit`` values. What is no JSON may get past this.

    Raises :class:`TidewireError` ``general_argument_invalid``.
    """
    commas: list[NDArray[np.int64]] = []
    depths: list[NDArray[np.int32]] = []
    weight, depth, inside = 1, 0, 0
    for start, end in _blocks(body):
        text = np.frombuffer(body, np.uint8, end - start, start)
        in_string = np.bitwise_xor.accumulate(_quotes(text).view(np.uint8)) ^ inside
        inside = int(in_string[-1])
        outside = in_string == 0
        opened = ((text == ord("[")) | (text == ord("{"))) & outside
        closed = ((text == ord("]")) | (text == ord("}"))) & outside
        levels = np.cumsum(opened.view(np.int8) - closed.view(np.int8), dtype=np.int32) + depth
        depth = int(levels[-1])
        if int(levels.max()) > DEEPEST_NESTING:
            raise TidewireError("general_argument_invalid", TOO_DEEP)
        found = np.flatnonzero((text == ord(",")) & outside)
        weight += len(found) + CONTAINER_WEIGHT * int(np.count_nonzero(opened))
        if weight > limit:
            raise TidewireError(
                "general_argument_invalid",
                f"The request body has more than {limit} values, where an array or object counts as "
                f"{CONTAINER_WEIGHT}: send it in several requests.",
            )
        commas.append(found + start)
        depths.append(levels[found])
    return Structure(np.concatenate(commas), np.concatenate(depths), weight)


def _blocks(body: bytearray) -> Iterator[tuple[int, int]]:
    """Parts of a text, none of which ends within an escape sequence."""
    start = 0
    while start < len(body):
        end = start + len(body[start : start + _BLOCK_BYTES].rstrip(b"\\"))
        if end == start:  # nothing but backslashes
            end = len(body) - len(body[start:].lstrip(b"\\"))
            end = min(len(body), end + 1)
        yield start, end
        start = end


def _quotes(text: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where strings begin and end: at quotes that an even number of backslashes precede."""
    quotes: NDArray[np.bool_] = text == ord('"')
    backslashes = text == ord("\\")
    if backslashes.any():
        places = np.arange(len(text), dtype=np.int32)
        last_other = np.maximum.accumulate(np.where(backslashes, np.int32(-1), places))
        quotes[1:] &= (places[:-1] - last_other[:-1]) % 2 == 0
    return quotes


class _Decoder:
    """One text on its way to a value."""

    def __init__(self, body: bytearray, structure: Structure) -> None:
        self._body = body
        self._commas = structure.commas
        self._depths = structure.depths
        self._began = time.perf_counter()

    async def value(self, start: int, end: int, depth: int) -> Any:
        """The value between two places; ``depth`` is that of its members, if it has some."""
        start, end = self._without_blanks(start, end)
        opening = self._body[start] if start < end else 0
        if end - start <= _STEP_BYTES or opening not in _ENDS:
            return await self._decoded(bytes(self._body[start:end]))
        if self._body[end - 1] != _ENDS[opening]:
            raise msgspec.DecodeError("an array or object does not end as it began")
        if opening == ord("["):
            return await self._array(start + 1, end - 1, depth)
        return await self._object(start + 1, end - 1, depth)

    async def _array(self, start: int, end: int, depth: int) -> list[Any]:
        values: list[Any] = []
        for begin, stop, alone in self._pieces(start, end, depth):
            if alone:
                values.append(await self.value(begin, stop, depth + 1))
            else:
                values += await self._decoded(b"[%b]" % bytes(self._body[begin:stop]))
        return values

    async def _object(self, start: int, end: int, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for begin, stop, alone in self._pieces(start, end, depth):
            if alone:
                name = _NAME.match(self._body, begin, min(stop, begin + _LONGEST_NAME))
                if name is None:
                    raise msgspec.DecodeError("a member of an object has no name, or a very long one")
                values[msgspec.json.decode(name[1])] = await self.value(name.end(), stop, depth + 1)
            else:
                values |= await self._decoded(b"{%b}" % bytes(self._body[begin:stop]))
        return values

    def _pieces(self, start: int, end: int, depth: int) -> Iterator[tuple[int, int, bool]]:
        """Members of an array or object, as many together as make a step, or one that is more than that."""
        first, last = np.searchsorted(self._commas, (start, end))
        cuts = self._commas[first:last][self._depths[first:last] == depth]
        if not len(cuts) and self._is_blank(start, end):
            return
        next_cut = 0
        while start <= end:
            following = max(next_cut + 1, int(np.searchsorted(cuts, start + _STEP_BYTES)))
            if end - start <= _STEP_BYTES:
                following = len(cuts) + 1
            stop = int(cuts[following - 1]) if following <= len(cuts) else end
            if self._is_blank(start, stop):
                raise msgspec.DecodeError("there is a comma with nothing before or behind it")
            yield start, stop, stop - start > _STEP_BYTES
            start, next_cut = stop + 1, following

    def _is_blank(self, start: int, end: int) -> bool:
        return start >= end or (self._body[start] in _BLANK and not self._body[start:end].strip(_BLANK))

    def _without_blanks(self, start: int, end: int) -> tuple[int, int]:
        if start < end and self._body[start] in _BLANK:
            start = end - len(self._body[start:end].lstrip(_BLANK))
        if start < end and self._body[end - 1] in _BLANK:
            end = start + len(self._body[start:end].rstrip(_BLANK))
        return start, end

    async def _decoded(self, text: bytes) -> Any:
        value = msgspec.json.decode(text)
        if time.perf_counter() - self._began > _PAUSE_AFTER_SECONDS:
            await asyncio.sleep(_PAUSE_AFTER_SECONDS)
            self._began = time.perf_counter()
        return value
