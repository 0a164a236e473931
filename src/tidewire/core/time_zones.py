"""Time zones as they are written: offsets, names of places, short names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta, timezone, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

ZONE: Final = r"""
    (?:gmt)?(?P<sign>[+-])(?P<zh>\d{1,2})(?::?(?P<zm>\d{2}))?(?![\d:])
    | (?P<place>[a-z]+/[a-z_/-]+)(?![+\d])
    | (?P<short>[a-z]{1,5})(?![a-z])
"""
"""A zone in lower case, as a verbose regular expression."""

_SHORT_NAMES: Final[Mapping[str, float]] = {
    name: hours
    for hours, names in {
        -10: "hst",
        -9: "akst",
        -8: "pst akdt",
        -7: "mst pdt",
        -6: "cst mdt",
        -5: "est cdt",
        -4: "ast edt",
        -3: "adt",
        0: "z utc gmt wet",
        1: "west bst cet wat",
        2: "cest eet sast cat",
        3: "eest msk eat",
        5: "pkt",
        7: "wib",
        8: "hkt awst",
        9: "jst",
        9.5: "acst",
        10: "aest",
        10.5: "acdt",
        11: "aedt",
        12: "nzst",
        13: "nzdt",
    }.items()
    for name in names.split()
}
"""Short names of time zones to hours east of Greenwich. A name that several zones share is left out where PHP
takes it for another zone than most people who write it."""


def zone_of(found: re.Match[str]) -> tzinfo:
    """What a match of :data:`ZONE` names. Raises ValueError."""
    if found["sign"]:
        offset = timedelta(hours=int(found["zh"]), minutes=int(found["zm"] or 0))
        return timezone(-offset if found["sign"] == "-" else offset)
    if found["short"]:
        if found["short"] not in _SHORT_NAMES:
            raise ValueError(f"unknown time zone {found['short']}")
        return timezone(timedelta(hours=_SHORT_NAMES[found["short"]]))
    name = _places().get(found["place"])
    if name is None:
        raise ValueError("unknown time zone")
    return ZoneInfo(name)


@cache
def _places() -> Mapping[str, str]:
    """The names of places, by the same names in lower case."""
    return {name.lower(): name for name in available_timezones()}
