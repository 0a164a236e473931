"""Logging: one line an event on standard error, through structlog; nothing secret is ever passed to it."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import structlog

REPEAT_SECONDS: Final = 10.0
"""Between two lines about what may happen any number of times."""


def configure_logging(level: str) -> None:
    """Write lines of at least ``level``; readable on a terminal, JSON otherwise."""
    terminal = sys.stderr.isatty()
    common: list[structlog.types.Processor] = [
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


class Repeated:
    """A line about what a client can cause any number of times: written at once, then no more than once
    in :data:`REPEAT_SECONDS`, with the number of those in between."""

    def __init__(self, write: Callable[..., Any], event: str) -> None:
        self._write = write
        self._event = event
        self._next = 0.0
        self._omitted = 0

    def tell(self, **about: object) -> None:
        """It happened again."""
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
        """One of a kind happened again."""
        known = self._by_kind.get(kind)
        if known is None:
            known = self._by_kind[kind] = Repeated(self._write, self._event)
        known.tell(**{self._key: kind}, **about)
