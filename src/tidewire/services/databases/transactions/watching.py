"""The rows that a transaction is about: what they were like when it first read or staged them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from functools import partial
from hashlib import blake2b
from typing import Any

from tidewire.core.errors import TidewireError
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.row_finding import require_seen
from tidewire.store.engine.connection import Connection
from tidewire.store.records.transactions import (
    KeptTransaction,
    Watched,
    count_watched,
    known_rows,
    written_rows,
)
from tidewire.store.user_tables.loading import find_table
from tidewire.store.user_tables.rows import find_state

RowAddress = tuple[str, str, str]
"""Ids of database, table and row."""


def newly_watched(
    connection: Connection, call: DialectCall, kept: KeptTransaction, places: Mapping[RowAddress, bool]
) -> list[Watched]:
    """The states of rows to be remembered, without those that the transaction remembers already.

    ``places`` tells of each whether it is written, so that a change by others is a conflict.

    Raises ``transaction_limit_exceeded``, and ``row_update_conflict`` if a row that is ``written`` is newer
    than what the client says that it has seen.
    """
    tables: defaultdict[tuple[str, str], dict[str, bool]] = defaultdict(dict)
    for (database_id, table_id, row_id), written in places.items():
        tables[database_id, table_id][row_id] = written
    found: list[Watched] = []
    more = 0
    for (database_id, table_id), ids in tables.items():
        known = known_rows(connection, kept, database_id, table_id, list(ids))
        state_of = _states(connection, call, database_id, table_id)
        for row_id, written in ids.items():
            if row_id in known and (known[row_id] or not written):
                continue
            more += row_id not in known
            state = state_of(row_id)
            if written:
                require_seen(call, state)
            found.append(Watched(database_id, table_id, row_id, fingerprint(state), written))
    limit = call.context.settings.transaction_max_rows
    if more and count_watched(connection, kept) + more > limit:
        message = f"A transaction can be about at most {limit} rows."
        raise TidewireError("transaction_limit_exceeded", message)
    return found


def require_unchanged(
    connection: Connection, call: DialectCall, kept: KeptTransaction, addressed: Collection[RowAddress]
) -> None:
    """Raise ``transaction_conflict`` if a row that was staged is not what it was then.

    A row that is gone is no conflict if an operation addresses it, or its table as a whole: the operation
    itself decides then. These are ``addressed``; an empty row id stands for the table as a whole.
    """
    states: dict[tuple[str, str], Callable[[str], tuple[Any, ...] | None]] = {}
    for row in written_rows(connection, kept):
        place = (row.database_id, row.table_id)
        if place not in states:
            states[place] = _states(connection, call, *place)
        state = states[place](row.row_id)
        if state is None and not {(*place, row.row_id), (*place, "")}.isdisjoint(addressed):
            continue
        if fingerprint(state) != row.fingerprint:
            word = call.dialect.word("row")
            message = (
                f"The {word} {row.row_id!r} was changed by others since the transaction read or staged it."
            )
            raise TidewireError("transaction_conflict", f"{message} Nothing was committed; try again.")


def fingerprint(state: tuple[Any, ...] | None) -> str:
    """A text that differs whenever a row differs; empty for no row."""
    return "" if state is None else blake2b(repr(state).encode(), digest_size=16).hexdigest()


def _states(
    connection: Connection, call: DialectCall, database_id: str, table_id: str
) -> Callable[[str], tuple[Any, ...] | None]:
    """A function that finds the committed state of a row by its id, whatever is staged."""
    table = find_table(connection, call.context.encryption, database_id, table_id, disabled=True)
    return partial(find_state, connection, table.within("main")) if table else lambda _: None
