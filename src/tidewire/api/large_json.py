"""Large JSON bodies, decoded in steps between which the event loop does everything else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from tidewire.core.json_bounds import at_once
from tidewire.core.json_steps import has_arrays, load_arrays

VALUE_BYTES: Final = 48
"""Bytes of memory that a value takes besides its text, roughly."""

_PAUSE_AFTER_SECONDS: Final = 0.001


class LargeJson:
    """Decodes large bodies of one process, one at a time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._turn = asyncio.Lock()

    async def decode(
        self, body: bytearray, hold: Callable[[int], Awaitable[None]], once: Sequence[str] = ()
    ) -> Any:
        """The value of a JSON text; names that are to stand ``once`` in an object are refused otherwise.

        ``hold`` is told how many bytes its values will take, before they do. Raises msgspec's DecodeError,
        :class:`TidewireError` ``general_content_too_large`` where it has too many values and
        ``general_argument_invalid`` where it nests too deeply, and what ``hold`` raises.
        """
        if not has_arrays():
            await asyncio.to_thread(load_arrays)
        from tidewire.core.json_pieces import body_in_steps
        from tidewire.core.json_structure import structure_in_steps

        async with self._turn:
            structure = await asyncio.to_thread(at_once, structure_in_steps(body, self._limit))
            await hold(structure.weight * VALUE_BYTES)
            steps = body_in_steps(body, structure, once)
            began = time.perf_counter()
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    return end.value
                if time.perf_counter() - began > _PAUSE_AFTER_SECONDS:
                    await asyncio.sleep(_PAUSE_AFTER_SECONDS)
                    began = time.perf_counter()
