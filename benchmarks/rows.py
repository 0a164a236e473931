"""What the tables of rows are alike in, on every server that has some."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

ROWS: Final = 1_000_000
PAGE: Final = 25
CATEGORIES: Final = 1_000
CATEGORY: Final = 7
"""Of the rows that are listed."""
READABLE: Final = 1_000
"""Rows that somebody may read, of all and of the SMALL table."""
SMALL: Final = 10_000

VALUES: Final[dict[str, object]] = {"title": "A row with the number 0", "category": 1_000_001, "number": 0}
"""Of a new row; it is in no list that is measured."""

STEP: Final = 50_000
"""Rows that are filled in with one transaction, so that the server can write in between."""

_NUMBERS: Final = "WITH RECURSIVE numbers(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"


def fill(database: Path, count: int, *statements: str) -> None:
    """Fill tables with SQL, in the file of a running server: over HTTP it would take most of an hour.

    Each statement selects from ``numbers``, in which ``n`` is each number from 1 to ``count``.
    """
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        for first in range(1, count + 1, STEP):
            for statement in statements:
                connection.execute(f"{_NUMBERS} {statement}", [first, min(count, first + STEP - 1)])
            connection.commit()
