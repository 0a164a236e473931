"""Dates and times in the forms that people and programs write.

These are the forms that PHP's ``DateTime`` takes, as far as they say a year of four digits. Not among them
are words that are relative to something (``tomorrow``, ``+1 day``), seconds since the epoch, and days that
there are not.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tidewire.core.time_zones import ZONE, zone_of

LONGEST: Final = 128
"""Characters of a date and time."""

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTH: Final = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![a-z])"
)
_YEAR: Final = r"(?P<y>\d{4})(?!\d)"
_DAY: Final = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?(?!\d)"
_GAP: Final = r"[ .\t-]*"


_DATES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?!\d)",
        r"(?P<y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})(?!\d)",
        r"(?P<y>\d{4}):(?P<m>\d{2}):(?P<d>\d{2})(?!\d)",
        rf"(?P<m>\d{{1,2}})/(?P<d>\d{{1,2}})/{_YEAR}",
        rf"(?P<d>\d{{1,2}})[.\t-](?P<m>\d{{1,2}})[.-]{_YEAR}",
        rf"(?P<d>\d{{1,2}})/{_MONTH}/{_YEAR}:?",
        rf"{_DAY}{_GAP}{_MONTH}{_GAP}{_YEAR}",
        rf"{_MONTH}{_GAP}{_DAY}[,.\t -]+{_YEAR}(?!:)",
        rf"{_YEAR}-{_MONTH}-(?P<d>\d{{1,2}})(?!\d)",
        rf"{_MONTH}{_GAP}{_YEAR}(?!:)",
        rf"{_YEAR}{_GAP}{_MONTH}",
        rf"{_DAY}{_GAP}{_MONTH}",
        rf"{_MONTH}{_GAP}{_DAY}(?!:)",
        r"(?P<y>\d{4})-?w(?P<week>\d{2})(?:-?(?P<weekday>[1-7]))?(?!\d)",
        r"(?P<y>\d{4})-(?P<yearday>\d{3})(?!\d)",
        r"(?P<y>\d{4})-(?P<m>\d{2})(?![\d-])",
    )
)
_TIME: Final = re.compile(
    r"""t?(?P<h>\d{1,2})
    (?: [:.](?P<min>\d{1,2}) (?: [:.](?P<s>\d{1,2}) (?: [.:](?P<f>\d+) )? )? )? (?!\d)
    (?: [ \t]*(?P<half>[ap])(?:m|\.m\.)(?![a-z]) )?""",
    re.VERBOSE,
)
_DIGITS: Final = re.compile(r"t?(?P<h>\d{2})(?P<min>\d{2})(?P<s>(?:\d{2})?)(?P<f>)(?P<half>)(?!\d)")
_WEEKDAY: Final = re.compile(
    r"(?P<day>mon|tues?|wed|thur?s?|fri|sat|sun)(?:day|nesday|rsday|urday)?(?![a-z])[.,]?"
)
_ZONE: Final = re.compile(rf"\(?(?:{ZONE})\)?", re.VERBOSE)
_COMMENT: Final = re.compile(r"\([a-z +-]*\)")
"""A comment in parentheses that names the zone once more."""
_LATE_YEAR: Final = re.compile(_YEAR)
_BETWEEN: Final = re.compile(r"[ \t,;]+|t(?=\d)")
_FOUR_DIGITS: Final = re.compile(r"(?<!\d)\d{4}(?!\d)")


def read_written(text: str) -> datetime:
    """The moment that a text writes; without a zone it is in UTC. Raises ValueError or OverflowError."""
    if len(text) > LONGEST or not text.isascii() or not _FOUR_DIGITS.search(text):
        raise ValueError("there is no year of four digits")
    return _Reading(text.strip().lower()).moment()


class _Reading:
    """One text, read from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._says_time = False
        """What follows is a time, as after the T of ISO 8601."""
        self._parts: dict[str, re.Match[str]] = {}
        while self._place < len(text):
            if not (self._take_gap() or self._take_part()):
                raise ValueError(f"cannot read {text[self._place :]!r}")

    def moment(self) -> datetime:
        date = self._date()
        zone = self._parts.get("zone")
        day = datetime(*date, tzinfo=zone_of(zone) if zone else UTC)
        weekday = self._parts.get("weekday")
        if weekday and _DAYS[day.weekday()] != weekday["day"][:3]:
            raise ValueError("that day is another day of the week")
        return _at(day, self._parts["time"]) if "time" in self._parts else day

    def _take_gap(self) -> bool:
        found = _BETWEEN.match(self._text, self._place)
        self._says_time = found is not None and found[0] == "t"
        return self._advance(found)

    def _take_part(self) -> bool:
        if "date" not in self._parts and any(self._take("date", each) for each in _DATES):
            return True
        date = self._parts.get("date")
        if date is not None and not self._says(date, "y") and self._take("year", _LATE_YEAR, once=True):
            return True
        return (
            self._take("weekday", _WEEKDAY, once=True)
            or self._take_time()
            or self._take("zone", _ZONE, once=True)
            or ("zone" in self._parts and self._take("comment", _COMMENT))
        )

    def _take_time(self) -> bool:
        if "time" in self._parts:
            return False
        date = self._parts.get("date")
        if date is not None and self._says(date, "y") and self._take("time", _DIGITS):
            return True
        found = _TIME.match(self._text, self._place)
        if found is None:
            return False
        # A lone number is an hour where it says so.
        if found["min"] is None and found["half"] is None and not self._says_time:
            return False
        self._parts["time"] = found
        return self._advance(found)

    def _take(self, name: str, pattern: re.Pattern[str], *, once: bool = False) -> bool:
        found = None if once and name in self._parts else pattern.match(self._text, self._place)
        if found is not None:
            self._parts[name] = found
        return self._advance(found)

    def _advance(self, found: re.Match[str] | None) -> bool:
        if found is None or found.end() == self._place:
            return False
        self._place = found.end()
        return True

    @staticmethod
    def _says(found: re.Match[str], name: str) -> bool:
        return found.groupdict().get(name) is not None

    def _date(self) -> tuple[int, int, int]:
        date = self._parts.get("date")
        if date is None:
            raise ValueError("there is no date")
        said: dict[str, Any] = date.groupdict()
        year = said.get("y") or ("year" in self._parts and self._parts["year"]["y"])
        if not year:
            raise ValueError("there is no year")
        if "week" in said:
            day = datetime.fromisocalendar(int(year), int(said["week"]), int(said["weekday"] or 1))
            return day.year, day.month, day.day
        if "yearday" in said:
            number = int(said["yearday"])
            day = datetime(int(year), 1, 1, tzinfo=UTC) + timedelta(days=number - 1)
            if number < 1 or day.year != int(year):
                raise ValueError("there is no such day")
            return day.year, day.month, day.day
        month = _MONTHS.index(said["month"][:3]) + 1 if said.get("month") else int(said["m"])
        return int(year), month, int(said.get("d") or 1)


def _at(day: datetime, time: re.Match[str]) -> datetime:
    """A time of a day; that of hour 24 is the next."""
    hour, minute, second = int(time["h"]), int(time["min"] or 0), int(time["s"] or 0)
    fraction = int(((time["f"] or "") + "000")[:3])
    if time["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("there is no such hour")
        hour = hour % 12 + (12 if time["half"] == "p" else 0)
    if hour > 24 or minute > 59 or second > 60:
        raise ValueError("there is no such time")
    # By the clock of the zone, whatever it was set to meanwhile.
    return day + timedelta(hours=hour, minutes=minute, seconds=second, milliseconds=fraction)
