"""Schedules: when something is run by the clock, in the five fields of cron.

They are in UTC, which has no summer time: each time of the day is there once, every day.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from cronsim import CronSim, CronSimError

_FIELDS: Final = 5


class InvalidScheduleError(ValueError):
    """A text that is no schedule, or one that never comes."""


def next_time(schedule: str, after: int) -> int:
    """The first moment of a schedule after another one, both in milliseconds since the epoch.

    Raises :class:`InvalidScheduleError`.
    """
    if len(schedule.split()) != _FIELDS:
        raise InvalidScheduleError("A schedule has five fields: minute, hour, day, month, day of the week.")
    begin = datetime.fromtimestamp(after / 1000, UTC)
    try:
        moment = next(CronSim(schedule, begin))
    except CronSimError as error:
        raise InvalidScheduleError(f"{error}.") from None
    except StopIteration:
        raise InvalidScheduleError("There is no such day.") from None
    return int(moment.timestamp()) * 1000
