"""Logging: one line an event on standard error, through structlog; nothing secret is ever passed to it."""

from __future__ import annotations

import asyncio
import errno
import logging
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import structlog

from tidewire.store.engine.failures import circumstance_of

REPEAT_SECONDS: Final = 10.0
"""Between two lines about what may happen any number of times."""
KINDS_KEPT: Final = 1000
"""The most kinds of repeated lines that are remembered."""
_OF_SYSTEM: Final = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
    }
)


def configure_logging(level: str) -> None:
    """Write lines of at least ``level``; readable on a terminal, JSON otherwise."""
    terminal = sys.stderr.isatty()
    common: list[structlog.types.Processor] = [
        Circumstances(),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*common, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # What libraries log has the same form.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *common],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    # Their chatter about each connection is of no use to an operator; their warnings are.
    logging.basicConfig(
        level=max(logging.WARNING, getattr(logging, level.upper())), handlers=[handler], force=True
    )


class Circumstances:
    """Makes one line of an error that no program is to blame for, in place of a traceback.

    That is what the system, the disk or the data directory refuse, and what the end of the server cuts off.
    As :class:`Repeated` it is written at once, then no more than once in :data:`REPEAT_SECONDS`, for each
    event and reason.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}
        """By kind, until when to be silent, and how many lines were left out."""

    def __call__(self, _: Any, __: str, line: structlog.types.EventDict) -> structlog.types.EventDict:
        """Replace the error of a line."""
        error = line.get("exc_info")
        if isinstance(error, tuple):
            error = error[1]
        elif error is True:
            error = sys.exc_info()[1]
        reason = circumstance(error) if isinstance(error, BaseException) else None
        if reason is None:
            return line
        del line["exc_info"]
        line["reason"] = reason
        key, moment = (str(line.get("event")), reason), time.monotonic()
        silent_until, omitted = self._seen.get(key, (0.0, 0))
        if moment < silent_until:
            self._seen[key] = (silent_until, omitted + 1)
            raise structlog.DropEvent
        if omitted:
            line["omitted"] = omitted
        if len(self._seen) >= KINDS_KEPT:
            self._seen.clear()
        self._seen[key] = (moment + REPEAT_SECONDS, 0)
        return line


def circumstance(error: BaseException) -> str | None:
    """What an error says of the system, the disk, the data directory or the end of the server.

    None: it is a defect, or may be.
    """
    if isinstance(error, asyncio.CancelledError):
        return "the server stops, and the time for what was begun is over"
    cause = getattr(error, "orig", error)
    if (said := circumstance_of(cause)) is not None:
        return said
    if isinstance(cause, OSError) and (cause.errno is None or cause.errno in _OF_SYSTEM):
        return str(cause)  # those without a number are our own, and say it all
    return None


class Repeated:
    """A line about what a client can cause any number of times: written at once, then no more than once
    in :data:`REPEAT_SECONDS`, with the number of those in between."""

    def __init__(self, write: Callable[..., Any], event: str) -> None:
        self._write = write
        self._event = event
        self._next = 0.0
        self._omitted = 0

    def tell(self, **about: object) -> None:
        """Note that it happened again; say so, unless a line about it was written just now."""
        moment = time.monotonic()
        if moment < self._next:
            self._omitted += 1
            return
        if self._omitted:
            about["omitted"] = self._omitted
        self._next, self._omitted = moment + REPEAT_SECONDS, 0
        self._write(self._event, **about)


class RepeatedByKind:
    """The same for each of several kinds, of which there are few whatever clients do."""

    def __init__(self, write: Callable[..., Any], event: str, key: str) -> None:
        """``key``: under which the kind stands in the line."""
        self._write = write
        self._event = event
        self._key = key
        self._by_kind: dict[str, Repeated] = {}

    def tell(self, kind: str, **about: object) -> None:
        """Note that something of this kind happened again."""
        known = self._by_kind.get(kind)
        if known is None:
            known = self._by_kind[kind] = Repeated(self._write, self._event)
        known.tell(**{self._key: kind}, **about)
