"""Changes of rows that their clients may not have seen the last state of."""

from __future__ import annotations

from tidewire.services.databases.dialects import DialectCall
from tidewire.store.user_tables.listing import StoredRow


def require_seen(call: DialectCall, row: StoredRow | None) -> None:
    """Refuse to change a row that is newer than the request says: ``row_update_conflict``."""
    seen = call.context.requested_at
    if seen is not None and row is not None and row[3] > seen:
        word = call.dialect.word("row")
        message = f"The {word} was changed after X-Appwrite-Timestamp. Read it again and repeat the change."
        raise call.dialect.error("row_update_conflict", message)
