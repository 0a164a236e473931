"""Retries: the time of the next attempt after one that failed."""

from __future__ import annotations

from secrets import SystemRandom
from typing import Final

_chance: Final = SystemRandom()


def retry_delay(failures: int, first: float, longest: float) -> float:
    """Seconds to wait after so many failures in a row, at least one.

    The pause doubles from ``first`` up to ``longest``, and differs by up to a quarter each time, so that
    what failed together is not tried together again.
    """
    usual: float = min(longest, first * 2 ** min(failures - 1, 62))
    return usual * _chance.uniform(0.75, 1.25)
