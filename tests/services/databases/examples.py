"""Random examples, each in a project of its own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from hypothesis import HealthCheck, settings

from tests.services.world import World

SAME_EACH_TIME = settings(
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
"""Examples take long, with a database for each, and a failure must not depend on chance."""


def in_a_world(play: Callable[[World], Awaitable[None]]) -> None:
    """Play an example in an empty project, which is gone afterwards."""

    async def open_and_play(directory: Path) -> None:
        world = await World.open(directory)
        try:
            await play(world)
        finally:
            await world.close()

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(open_and_play(Path(directory)))
