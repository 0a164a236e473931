"""Answers that take the same time whatever was found, so that the time tells strangers nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

EVEN_SECONDS: Final = 0.05
"""Longer than looking somebody up, writing a few rows and their commit usually take."""


def evenly(operation: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Have the operation answer or fail no sooner than :data:`EVEN_SECONDS` after it began."""

    @wraps(operation)
    async def paced(*arguments: P.args, **named: P.kwargs) -> R:
        clock = asyncio.get_running_loop().time
        answer_at = clock() + EVEN_SECONDS
        try:
            return await operation(*arguments, **named)
        finally:
            await asyncio.sleep(max(0.0, answer_at - clock()))

    return paced
