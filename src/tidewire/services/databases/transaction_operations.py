"""Transactions: begun, filled, committed or rolled back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from tidewire.core import models
from tidewire.core.checks.lists import QueryList
from tidewire.core.checks.names import ResourceId
from tidewire.core.checks.numbers import Boolean, TrueOrFalse, Whole
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import TransactionList
from tidewire.core.time import now
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import COLLECTIONS, EVERY, Dialect, DialectCall
from tidewire.services.databases.transactions.actions import StagedOperation
from tidewire.services.databases.transactions.committing import commit as commit_staged
from tidewire.services.databases.transactions.operation_list import OperationList
from tidewire.services.databases.transactions.records import (
    find_pending,
    find_transaction,
    kind_of,
    transaction_of,
)
from tidewire.services.databases.transactions.staging import stage_all
from tidewire.services.databases.units import unit
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows
from tidewire.store.records.rows import delete_row, insert_row
from tidewire.store.records.transactions import (
    TRANSACTION_LIST,
    count_pending,
    end_transaction,
    transactions_of,
)
from tidewire.store.schema import transactions

_WRITE: Final = ("documents.write", "rows.write")
_READ: Final = ("documents.read", "rows.read")
_NEWER: Final = tuple(dialect for dialect in EVERY if dialect is not COLLECTIONS)
"""In the API catalog, reading transactions in the older dialect needs only the scope of the newer one."""
_PATH: Final = "/transactions"
_ONE: Final = f"{_PATH}/{{transactionId}}"

TimeToLive = Annotated[int, Whole(60, 3600)]
YesOrNo = Annotated[bool, TrueOrFalse()]


@declare("createTransaction", "POST", _PATH, scopes=_WRITE, status=201, dialects=EVERY)
@unit
def create_transaction(
    transaction: Transaction, call: DialectCall, ttl: TimeToLive = 300
) -> models.Transaction:
    """Begin a transaction, which can be used for ``ttl`` seconds."""
    caller = call.context.caller
    if caller.kind == "guest":
        raise TidewireError("user_unauthorized", "Guests cannot begin transactions: sign in first.")
    owner_id = "" if caller.bypasses_permissions else caller.user_id
    connection, limit = transaction.connection, call.context.settings.transaction_max_pending
    if count_pending(connection, owner_id) >= limit:
        message = f"There are {limit} pending transactions: commit, roll back or delete some."
        raise TidewireError("transaction_limit_exceeded", message)
    new = insert_row(
        connection,
        transactions,
        id=unique_id(),
        kind=kind_of(call),
        owner_id=owner_id,
        status="pending",
        expires_at=now() + ttl * 1000,
    )
    return transaction_of(new)


@declare("listTransactions", "GET", _PATH, scopes=_READ, dialects=_NEWER)
@declare("listTransactions", "GET", _PATH, scopes=("rows.read",), dialects=(COLLECTIONS,))
@unit
def list_transactions(
    connection: Connection,
    call: DialectCall,
    queries: Annotated[Sequence[str], QueryList(tuple(TRANSACTION_LIST.attributes))] = (),
    total: Boolean = True,
) -> TransactionList:
    """List the caller's transactions; servers see all."""
    caller = call.context.caller
    where = transactions_of(kind_of(call), None if caller.bypasses_permissions else caller.user_id)
    count, rows = list_rows(connection, TRANSACTION_LIST, queries, "", where, total)
    return TransactionList(total=count, transactions=[transaction_of(row) for row in rows])


@declare("getTransaction", "GET", _ONE, scopes=_READ, dialects=_NEWER)
@declare("getTransaction", "GET", _ONE, scopes=("rows.read",), dialects=(COLLECTIONS,))
@unit
def get_transaction(
    connection: Connection, call: DialectCall, transaction_id: ResourceId
) -> models.Transaction:
    """Get a transaction."""
    return transaction_of(find_transaction(connection, call, transaction_id))


@declare("updateTransaction", "PATCH", _ONE, scopes=_WRITE, dialects=EVERY)
async def update_transaction(
    call: DialectCall, transaction_id: ResourceId, commit: YesOrNo = False, rollback: YesOrNo = False
) -> models.Transaction:
    """Commit a transaction, or roll it back."""
    if commit == rollback:
        raise TidewireError("general_bad_request", "Say either commit or rollback: one of them must be true.")

    def end(transaction: Transaction) -> models.Transaction | TidewireError:
        if commit:
            return commit_staged(transaction, call, transaction_id)
        connection = transaction.connection
        pending = find_pending(connection, call, transaction_id)
        return transaction_of(end_transaction(connection, pending, "failed"))

    ended = await call.context.database.write(end)
    call.context.database.staging.forget(transaction_id)
    if isinstance(ended, TidewireError):
        raise ended
    return ended


@declare("deleteTransaction", "DELETE", _ONE, scopes=_WRITE, dialects=EVERY)
async def delete_transaction(call: DialectCall, transaction_id: ResourceId) -> None:
    """Delete a transaction; what it has staged is lost."""

    def delete(transaction: Transaction) -> None:
        connection = transaction.connection
        delete_row(connection, transactions, find_transaction(connection, call, transaction_id).sequence)

    await call.context.database.write(delete)
    call.context.database.staging.forget(transaction_id)


def _operation_list(dialect: Dialect) -> Any:
    ids = dialect.word("tableId"), dialect.word("rowId")
    return Annotated[Sequence[StagedOperation], OperationList(*ids)]


@declare(
    "createOperations",
    "POST",
    f"{_ONE}/operations",
    scopes=_WRITE,
    status=201,
    dialects=EVERY,
    varying=lambda dialect: {"operations": _operation_list(dialect)},
)
async def create_operations(
    call: DialectCall, transaction_id: ResourceId, operations: Any = ()
) -> models.Transaction:
    """Stage operations on rows."""
    staged: Sequence[StagedOperation] = operations
    if not staged:
        raise TidewireError("general_bad_request", "There are no operations to stage.")
    return await stage_all(call, transaction_id, staged)
