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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1975-06-12 14:12:55 America/New_York", "1975-06-12T18:12:55.000+00:00"),
        ("1975-01-12 14:12:55 America/New_York", "1975-01-12T19:12:55.000+00:00"),
        ("1975-06-12 14:12:55 EST", "1975-06-12T19:12:55.000+00:00"),
        ("1975-06-12 14:12 GMT+2", "1975-06-12T12:12:00.000+00:00"),
        ("1975-06-12 14:12:55 (EST)", "1975-06-12T19:12:55.000+00:00"),
        ("1975-06-12 14:12 UTC", "1975-06-12T14:12:00.000+00:00"),
        ("1975-06-12T14:12:55.123456789 EST", "1975-06-12T19:12:55.123+00:00"),
        ("Thu, 12 Jun 1975 12:12:55 GMT", "1975-06-12T12:12:55.000+00:00"),
        ("Thu Jun 12 1975 14:12:55 GMT+0200", "1975-06-12T12:12:55.000+00:00"),
        ("Thu Jun 12 14:12:55 1975", "1975-06-12T14:12:55.000+00:00"),
        ("12 June 1975", "1975-06-12T00:00:00.000+00:00"),
        ("12th June 1975", "1975-06-12T00:00:00.000+00:00"),
        ("June 12, 1975 2:12pm", "1975-06-12T14:12:00.000+00:00"),
        ("jun.12,1975", "1975-06-12T00:00:00.000+00:00"),
        ("June 1975", "1975-06-01T00:00:00.000+00:00"),
        ("1975-Jun-12 2 pm", "1975-06-12T14:00:00.000+00:00"),
        ("1975/06/12 14:12", "1975-06-12T14:12:00.000+00:00"),
        ("06/12/1975", "1975-06-12T00:00:00.000+00:00"),
        ("12.06.1975 14.12.55", "1975-06-12T14:12:55.000+00:00"),
        ("12-06-1975", "1975-06-12T00:00:00.000+00:00"),
        ("14:12 12.06.1975", "1975-06-12T14:12:00.000+00:00"),
        ("1975-06-12 24:00:00", "1975-06-13T00:00:00.000+00:00"),
        ("1975-06-12 14:12:60", "1975-06-12T14:13:00.000+00:00"),
        ("1975-06-12 12:00:00AM", "1975-06-12T00:00:00.000+00:00"),
        ("1975-W24-4", "1975-06-12T00:00:00.000+00:00"),
        ("1975-163", "1975-06-12T00:00:00.000+00:00"),
        ("2008:08:07 18:11:31", "2008-08-07T18:11:31.000+00:00"),
        ("10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36.000+00:00"),
        ("2024-03-10 02:30 America/New_York", "2024-03-10T07:30:00.000+00:00"),
        ("2024-11-03 01:30 America/New_York", "2024-11-03T05:30:00.000+00:00"),
        # Browsers write the name of the zone too, which PHP does not take.
        ("Thu Jun 12 1975 14:12:55 GMT+0200 (Central European Summer Time)", "1975-06-12T12:12:55.000+00:00"),
    ],
)
def test_times_are_read_as_php_reads_them(text: str, expected: str) -> None:
    for written in (text, text.upper(), f" {text} "):
        assert format_datetime(parse_datetime(written)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow",
        "tomorrow 2024",
        "@172333975",
        "@1723",
        "2024",
        "2024-01-01 +1 day",
        "16/01/2024 12:00:00AM",
        "1975-06-12 27:00",
        "1975-06-12 13:00 PM",
        "1975-06-12 0:30 am",
        "12 June",
        "June 12 75",
        "2024-02-30",
        "31 June 2024",
        "Fri, 12 Jun 1975 12:12:55 GMT",
        "1975-06-12 14:12 XYZ",
        "1975-06-12 14:12 Europe/Nowhere",
        "1975-06-12 12:00 13:00",
        "1975-06-12 1975-06-13",
        "1975-06-12T14:12:55.123456789XYZ",
        "1975-06-12" + " " * 200 + "14:12",
    ],
)
def test_what_says_no_certain_time_is_refused(text: str) -> None:
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
    with contextlib.suppress(ValueError, OverflowError):
        parse_datetime(text)


PARTS = st.sampled_from(
    ["1975", "06", "12", "jun", "thu", ":", "-", "/", ".", " ", "t", "am", "est", "gmt", "+2", "("]
)


@given(st.lists(PARTS, max_size=20).map("".join))
def test_parts_of_times_are_read_or_refused_with_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError, OverflowError):
        parse_datetime(text)


def test_now_is_in_milliseconds() -> None:
    assert format_datetime(now()) >= "2025"


def test_microseconds_ascend_though_the_clock_stands_or_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([5_000_000, 5_000_999, 4_000_000, 9_000_000])
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    assert list(itertools.islice(ascending_microseconds(), 4)) == [5000, 5001, 5002, 9000]
