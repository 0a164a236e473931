"""What SQLite's failures are told as."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from tidewire.core.errors import TidewireError
from tidewire.store.engine.sqlite.failures import failures_told


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.execute("CREATE TABLE t (a)")
    yield opened
    opened.close()


def told(connection: sqlite3.Connection, statement: str) -> str:
    """The type of the error that clients are told."""
    with pytest.raises(TidewireError) as error, failures_told():
        connection.execute(statement).fetchall()
    return error.value.type


def test_no_room_for_a_file_is_told_as_a_full_disk(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA max_page_count = 2")
    assert told(connection, "INSERT INTO t VALUES (zeroblob(100000))") == "general_disk_full"


def test_a_statement_that_was_ended_is_told_as_late(connection: sqlite3.Connection) -> None:
    connection.set_progress_handler(lambda: True, 1)
    assert told(connection, "SELECT count(*) FROM t, t AS u") == "database_timeout"


def test_other_errors_stay_what_they_are(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"), failures_told():
        connection.execute("SELECT * FROM missing")
