"""Transactions on users' rows: what is staged in them, and the rows that they are about.

Staging is a hot path: its statements are prepared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, bindparam, delete, func, insert, select, update

from tidewire.core.time import now
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.dialect import listed, upsert
from tidewire.store.engine.prepared_statements import Prepared
from tidewire.store.lists.resource_lists import resource_list
from tidewire.store.schema import transaction_operations, transaction_rows, transactions

TRANSACTION_LIST: Final = resource_list(transactions, "status", "expiresAt")


class KeptTransaction(NamedTuple):
    """A transaction as it is kept."""

    sequence: int
    id: str
    created_at: int
    updated_at: int
    owner_id: str
    status: str
    operations: int
    size: int
    expires_at: int


class Watched(NamedTuple):
    """A row that a transaction is about."""

    database_id: str
    table_id: str
    row_id: str
    fingerprint: str
    written: bool
    """Whether the transaction changes it."""


_t, _o, _r = transactions.c, transaction_operations.c, transaction_rows.c
_FIND: Final = Prepared(
    select(*(_t[name] for name in KeptTransaction._fields)).where(
        _t.id == bindparam("id"), _t.kind == bindparam("kind")
    )
)
_STAGED: Final = Prepared(
    select(_o.sequence, _o.stager_kind, _o.stager_id, _o.action, _o.arguments)
    .where(_o.transaction_sequence == bindparam("transaction"), _o.sequence > bindparam("after"))
    .order_by(_o.sequence)
)
_ADD: Final = Prepared(
    insert(transaction_operations)
    .values(
        transaction_sequence=bindparam("transaction"),
        stager_kind=bindparam("kind"),
        stager_id=bindparam("id"),
        action=bindparam("action"),
        arguments=bindparam("arguments"),
    )
    .returning(_o.sequence)
)
_COUNT: Final = Prepared(
    update(transactions)
    .where(
        _t.sequence == bindparam("transaction"), _t.status == "pending", _t.operations == bindparam("before")
    )
    .values(operations=bindparam("after"), size=bindparam("bytes"), updated_at=bindparam("moment"))
    .returning(_t.sequence)
)
_of_transaction = _r.transaction_sequence == bindparam("transaction")
_KNOWN: Final = Prepared(
    select(_r.row_id, _r.written).where(
        _of_transaction,
        _r.database_id == bindparam("database"),
        _r.table_id == bindparam("table"),
        _r.row_id.in_(listed(bindparam("ids"))),
    )
)
_NUMBER: Final = Prepared(select(func.count()).where(_of_transaction))
_WRITTEN: Final = Prepared(select(*(_r[name] for name in Watched._fields)).where(_of_transaction, _r.written))
_insert = upsert(transaction_rows).values(
    transaction_sequence=bindparam("transaction"), **{name: bindparam(name) for name in Watched._fields}
)
_WATCH: Final = Prepared(
    # The first fingerprint of a row stays.
    _insert.on_conflict_do_update(
        index_elements=list(transaction_rows.primary_key),
        set_={"written": True},
        where=_insert.excluded.written,
    )
)


def find_kept(connection: Connection, transaction_id: str, kind: str) -> KeptTransaction | None:
    """The transaction with this id, about databases of this kind."""
    found = _FIND.fetch(connection, {"id": transaction_id, "kind": kind})
    return KeptTransaction(*found[0]) if found else None


def count_pending(connection: Connection, owner_id: str) -> int:
    """The number of transactions of an owner that can still be used."""
    mine = (_t.owner_id == owner_id, _t.status == "pending", _t.expires_at > now())
    return connection.scalar(select(func.count()).where(*mine)) or 0


def transactions_of(kind: str, owner_id: str | None) -> list[ColumnElement[bool]]:
    """The condition of a list of transactions: their kind, and whose they are; owner None: anybody's."""
    owned = [] if owner_id is None else [_t.owner_id == owner_id, _t.owner_id != ""]
    return [_t.kind == kind, *owned]


def end_transaction(connection: Connection, kept: KeptTransaction, status: str) -> KeptTransaction:
    """Give a transaction its last status, and delete what was staged; return it as it is then."""
    for table in (transaction_operations, transaction_rows):
        connection.execute(delete(table).where(table.c.transaction_sequence == kept.sequence))
    ended = kept._replace(status=status, updated_at=now(), size=0)
    changed = update(transactions).where(_t.sequence == kept.sequence)
    connection.execute(changed.values(status=status, updated_at=ended.updated_at, size=0))
    return ended


def stage_operations(
    connection: Connection,
    before: KeptTransaction,
    after: KeptTransaction,
    operations: Sequence[dict[str, Any]],
) -> int | None:
    """Add operations (``kind``, ``id``, ``action``, ``arguments``); return the position of the last of them.

    None, and nothing is done, if operations were added to the transaction since it was read as ``before``.
    """
    counted = {"before": before.operations, "after": after.operations, "bytes": after.size}
    of_transaction = {"transaction": before.sequence}
    if not _COUNT.fetch(connection, of_transaction | counted | {"moment": after.updated_at}):
        return None
    position = 0
    for operation in operations:
        position = _ADD.fetch(connection, of_transaction | operation)[0][0]
    return position


def staged_after(connection: Connection, kept: KeptTransaction, position: int) -> list[tuple[Any, ...]]:
    """What is staged after a position, in order: position, the stager's kind and id, action, arguments."""
    return _STAGED.fetch(connection, {"transaction": kept.sequence, "after": position})


def known_rows(
    connection: Connection, kept: KeptTransaction, database_id: str, table_id: str, row_ids: Sequence[str]
) -> dict[str, bool]:
    """Return the rows, of those given, that the transaction is about already, each with whether it changes
    it."""
    of_table = {"transaction": kept.sequence, "database": database_id, "table": table_id}
    ids = msgspec.json.encode(list(row_ids)).decode()
    return dict(_KNOWN.fetch(connection, {**of_table, "ids": ids}))


def count_watched(connection: Connection, kept: KeptTransaction) -> int:
    """The number of rows that the transaction is about."""
    number: int = _NUMBER.fetch(connection, {"transaction": kept.sequence})[0][0]
    return number


def written_rows(connection: Connection, kept: KeptTransaction) -> list[Watched]:
    """The rows that the transaction changes."""
    return [Watched(*row) for row in _WRITTEN.fetch(connection, {"transaction": kept.sequence})]


def watch(connection: Connection, kept: KeptTransaction, rows: Sequence[Watched]) -> None:
    """Remember rows that the transaction is about; of those that it knows, only that it changes them."""
    _WATCH.execute_each(connection, [{"transaction": kept.sequence, **row._asdict()} for row in rows])
