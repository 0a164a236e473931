"""Collecting garbage without long pauses, however many connections are open.

Python looks for garbage that refers to itself by walking over everything that lives: with 10,000 connections
that stops all of them for 50 ms and more. But what has lived for a while, connections above all, mostly lives
on, and is freed at once when its last reference goes. So what a collection leaves is set aside ("frozen"),
and the next one walks over what was made since: a few thousand objects, some milliseconds at most.

Cycles that become garbage after they were set aside are found by a walk over everything: rarely, but before
they are more than what lives.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from typing import Any, Final

THRESHOLDS: Final = (500, 5, 3)
"""New objects after which the youngest are looked through; every fifth time those that were left are too; and
every third of these times all that is not set aside: 7,500 objects at most."""
THOROUGH_SECONDS: Final = 3600.0
"""Between two walks over everything, at most."""
LOOK_SECONDS: Final = 5.0
"""Between two looks at how much memory objects take."""
SPARE_BLOCKS: Final = 400_000
"""Blocks of memory that may be taken, beside twice as many as there were after the last walk, before the
next one. To count them takes microseconds; to count what is set aside takes a walk over all of it."""


def begin() -> None:
    """Collect garbage in this way from now on; what there is now is set aside."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    if _set_aside not in gc.callbacks:
        gc.callbacks.append(_set_aside)
    gc.enable()


async def collect_thoroughly() -> None:
    """Walk over everything now and then, for as long as the process serves.

    Also when twice as many blocks of memory and :data:`SPARE_BLOCKS` more are taken than after the last walk:
    so what garbage there is takes no more memory than what lives, in the long run.
    """
    least, walked = sys.getallocatedblocks(), time.monotonic()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        late = time.monotonic() - walked >= THOROUGH_SECONDS
        if late or sys.getallocatedblocks() > 2 * least + SPARE_BLOCKS:
            gc.unfreeze()
            gc.collect()
            least, walked = sys.getallocatedblocks(), time.monotonic()


def _set_aside(phase: str, info: dict[str, Any]) -> None:
    if phase == "stop" and info["generation"] == len(THRESHOLDS) - 1:
        gc.freeze()
