"""Points in time: integer milliseconds since the epoch inside, ISO 8601 text on the wire."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def format_datetime(ms: int) -> str:
    """The wire form, always in UTC: ``2020-10-15T06:38:00.000+00:00``.

    Raises OverflowError outside the years 1 to 9999.
    """
    return (_EPOCH + ms * _MILLISECOND).isoformat(timespec="milliseconds")


def parse_datetime(text: str) -> int:
    """Milliseconds since the epoch of an ISO 8601 date and time in any zone.

    Text without a zone is in UTC; digits below a millisecond are cut off. Raises ValueError.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # Subtraction compares instants without converting: conversion to UTC fails near the years 1 and 9999.
    return (moment - _EPOCH) // _MILLISECOND
