"""The audit log: what users did with their accounts, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tidewire.core.models import Account, Log, LogList
from tidewire.core.time import format_datetime
from tidewire.services.answers import shown
from tidewire.services.paging import limit_and_offset
from tidewire.services.visits import Visit
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.engine.database import Transaction
from tidewire.store.records.audit import entries_of, insert_entry

_USER_TYPE: Final = "user"
_MODE: Final = "default"


def record(transaction: Transaction, user_id: str, event: str, visit: Visit) -> None:
    """Write that the user did ``event`` (``session.create`` and so on), in the transaction of the change."""
    insert_entry(transaction.connection, user_id, event, **visit.columns())


def logs_of(connection: Connection, account: Account, queries: Sequence[str], *, total: bool) -> LogList:
    """What a user did, the newest first.

    ``queries`` may be limit and offset. Raises :class:`TidewireError` ``general_argument_invalid``.
    """
    limit, offset = limit_and_offset(queries)
    count, rows = entries_of(connection, account.id, limit, offset, total=total)
    return LogList(total=count, logs=[_log_of(row, account) for row in rows])


def _log_of(row: Row[Any], account: Account) -> Log:
    return shown(
        Log,
        row,
        user_email=account.email,
        user_name=account.name,
        mode=_MODE,
        user_type=_USER_TYPE,
        time=format_datetime(row.time),
    )
