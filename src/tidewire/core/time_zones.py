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
    "z": 0,
    "utc": 0,
    "gmt": 0,
    "wet": 0,
    "west": 1,
    "bst": 1,
    "cet": 1,
    "cest": 2,
    "eet": 2,
    "eest": 3,
    "msk": 3,
    "sast": 2,
    "wat": 1,
    "cat": 2,
    "eat": 3,
    "pkt": 5,
    "wib": 7,
    "hkt": 8,
    "awst": 8,
    "jst": 9,
    "acst": 9.5,
    "aest": 10,
    "acdt": 10.5,
    "aedt": 11,
    "nzst": 12,
    "nzdt": 13,
    "ast": -4,
    "adt": -3,
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
    "akst": -9,
    "akdt": -8,
    "hst": -10,
}
"""Hours east of Greenwich. Of names that several zones share, those are left out that PHP reads otherwise
than most of their users."""


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
    """Names in lower case to names."""
    return {name.lower(): name for name in available_timezones()}
