"""Datetimes on the wire."""

from __future__ import annotations

import contextlib
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.core.time import ascending_microseconds, format_datetime, now, parse_datetime

YEAR_1 = -62_135_596_800_000
YEAR_9999 = 253_402_300_799_999


def test_the_wire_form() -> None:
    assert format_datetime(1_602_743_880_000) == "2020-10-15T06:38:00.000+00:00"
    assert format_datetime(-1) == "1969-12-31T23:59:59.999+00:00"


@pytest.mark.parametrize(
    "text",
    [
        "2020-10-15T06:38:00.000+00:00",
        "2020-10-15T06:38:00Z",
        "2020-10-15 06:38:00",
        "2020-10-15T08:38:00+02:00",
        "2020-10-15T01:38:00.0009-05:00",
    ],
)
def test_any_zone_is_read(text: str) -> None:
    assert parse_datetime(text) == 1_602_743_880_000


@pytest.mark.parametrize(
    "text", ["", "now", "2020-13-01", "2020-10-15T25:00:00Z", "2020-10-15T06:38:00+99:00"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_datetime(text)


def test_the_edges_of_the_calendar_do_not_overflow() -> None:
    assert parse_datetime("0001-01-01T00:00:00+23:59") < YEAR_1
    assert parse_datetime("9999-12-31T23:59:59.999-23:59") > YEAR_9999


@given(st.integers(YEAR_1, YEAR_9999))
def test_what_is_written_is_read_back(ms: int) -> None:
    assert parse_datetime(format_datetime(ms)) == ms


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_datetime(text)


def test_now_is_in_milliseconds() -> None:
    assert format_datetime(now()) >= "2025"


def test_microseconds_ascend_though_the_clock_stands_or_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([5_000_000, 5_000_999, 4_000_000, 9_000_000])
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    assert list(itertools.islice(ascending_microseconds(), 4)) == [5000, 5001, 5002, 9000]
