"""Lines in the log: of what the system refuses one line once in a while, of defects a traceback each time."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress

import pytest
import structlog
from structlog.types import EventDict

from tidewire.logs import Circumstances
from tidewire.store.errors import StoreError


def lines_of(fails: Callable[[], object]) -> list[EventDict]:
    """What is written of three failures."""
    written: list[EventDict] = []
    rule = Circumstances()
    for _ in range(3):
        with suppress(structlog.DropEvent):
            try:
                fails()
            except BaseException as error:
                written.append(
                    rule(None, "error", {"event": "work failed", "project": "p", "exc_info": error})
                )
    return written


def no_descriptors() -> None:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def no_such_directory() -> None:
    sqlite3.connect("/nowhere/at/all.sqlite3").execute("SELECT 1")


def cut_off() -> None:
    raise asyncio.CancelledError


def damaged() -> None:
    raise StoreError("the database of project p is damaged")


@pytest.mark.parametrize(
    ("fails", "reason"),
    [
        (no_descriptors, "[Errno 24] Too many open files"),
        (no_such_directory, "unable to open database file (SQLITE_CANTOPEN)"),
        (damaged, "the database of project p is damaged"),
        (cut_off, "the server stops, and the time for what was begun is over"),
    ],
)
def test_what_the_system_refuses_is_one_line(fails: Callable[[], None], reason: str) -> None:
    (line,) = lines_of(fails)
    assert (line["event"], line["reason"], line["project"]) == ("work failed", reason, "p")
    assert "exc_info" not in line


def test_defects_are_told_each_time() -> None:
    lines = lines_of(lambda: sqlite3.connect(":memory:").execute("SELECT nothing"))
    assert len(lines) == 3
    assert all(isinstance(line["exc_info"], sqlite3.OperationalError) for line in lines)
