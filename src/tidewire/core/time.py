"""Points in time: integer milliseconds since the epoch inside, ISO 8601 text on the wire."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from tidewire.core.written_times import read_written

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_HOUR: Final = 3600
_ISO: Final = re.compile(r"[\d:TWZ.,+ -]{1,64}", re.ASCII)

# A page of rows has many times, mostly of few hours: they are put together from parts that are made once.
_IN_HOUR: Final = tuple(f"{minute:02}:{second:02}." for minute in range(60) for second in range(60))
_IN_SECOND: Final = tuple(f"{millisecond:03}+00:00" for millisecond in range(1000))


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def ascending_microseconds() -> Iterator[int]:
    """Microseconds since the epoch as they are each time, each more than the one before."""
    last = 0
    while True:
        last = max(last + 1, time.time_ns() // 1000)
        yield last


def format_datetime(ms: int) -> str:
    """The wire form, always in UTC: ``2020-10-15T06:38:00.000+00:00``.

    Raises OverflowError outside the years 1 to 9999.
    """
    seconds, milliseconds = divmod(ms, 1000)
    return _hour(seconds // _HOUR) + _IN_HOUR[seconds % _HOUR] + _IN_SECOND[milliseconds]


@lru_cache(maxsize=4096)
def _hour(hours: int) -> str:
    """``2020-10-15T06:``, so many hours after the epoch. Raises OverflowError."""
    return (_EPOCH + timedelta(hours=hours)).isoformat(timespec="hours").removesuffix("+00:00") + ":"


def parse_datetime(text: str) -> int:
    """Milliseconds since the epoch of a date and time in any zone.

    It is in ISO 8601, or written as :mod:`tidewire.core.written_times` reads it. Text without a zone is in
    UTC; digits below a millisecond are cut off. Raises ValueError or OverflowError.
    """
    try:
        return parse_iso(text)
    except ValueError:
        return _milliseconds(read_written(text))


def parse_iso(text: str) -> int:
    """Read a date and time in ISO 8601 as :func:`parse_datetime` does. It takes a few microseconds; other
    forms take some ten times as long."""
    # The library does not look at what follows a long fraction.
    if not _ISO.fullmatch(text):
        raise ValueError("it is not in ISO 8601")
    return _milliseconds(datetime.fromisoformat(text))


def _milliseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # Subtraction compares instants without converting: conversion to UTC fails near the years 1 and 9999.
    return (moment - _EPOCH) // _MILLISECOND
