"""The audit log: what users did with their accounts, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, func, insert, select

from tidewire.core.models import Account, Log, LogList
from tidewire.core.time import format_datetime, now
from tidewire.services.paging import limit_and_offset
from tidewire.services.visits import Visit, shown_visit
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import MAX_TOTAL, fetch_page
from tidewire.store.schema import audit_log

_INSERT: Final = insert(audit_log)
_USER_TYPE: Final = "user"
_MODE: Final = "default"


def record(transaction: Transaction, user_id: str, event: str, visit: Visit) -> None:
    """Write down that the user did ``event`` (``session.create`` and so on), with the change itself."""
    transaction.connection.execute(
        _INSERT, {"user_id": user_id, "event": event, "time": now(), **visit.columns()}
    )


def logs_of(connection: Connection, account: Account, queries: Sequence[str], *, total: bool) -> LogList:
    """What a user did, the newest first.

    ``queries`` may be limit and offset. Raises :class:`TidewireError` ``general_argument_invalid``.
    """
    limit, offset = limit_and_offset(queries)
    own = select(audit_log).where(audit_log.c.user_id == account.id)
    page = own.order_by(audit_log.c.sequence.desc()).limit(limit).offset(offset)
    rows = fetch_page(connection, page, limit)
    logs = [_log_of(row, account) for row in rows]
    count = 0
    if total:
        some = own.with_only_columns(audit_log.c.sequence).limit(MAX_TOTAL).subquery()
        count = connection.scalar(select(func.count()).select_from(some)) or 0
    return LogList(total=count, logs=logs)


def _log_of(row: Row[Any], account: Account) -> Log:
    return Log(
        event=row.event,
        user_id=row.user_id,
        user_email=account.email,
        user_name=account.name,
        mode=_MODE,
        user_type=_USER_TYPE,
        time=format_datetime(row.time),
        **shown_visit(row),
    )
