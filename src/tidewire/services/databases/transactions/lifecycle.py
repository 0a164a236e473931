"""Transactions: begun, filled, committed or rolled back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from sqlalchemy import delete, func, insert, select

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
from tidewire.services.databases.transactions.operation_list import OperationList
from tidewire.services.databases.transactions.records import (
    end_transaction,
    find_pending,
    find_transaction,
    kind_of,
    transaction_of,
)
from tidewire.services.databases.transactions.work import commit as commit_staged
from tidewire.services.databases.transactions.work import stage_all
from tidewire.store.engine.database import Transaction
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.schema import transactions

_WRITE: Final = ("documents.write", "rows.write")
_READ: Final = ("documents.read", "rows.read")
_NEWER: Final = tuple(dialect for dialect in EVERY if dialect is not COLLECTIONS)
"""In the older dialect the scope has the newer word alone, so it is in the catalog."""
_PATH: Final = "/transactions"
_ONE: Final = f"{_PATH}/{{transactionId}}"

_LIST: Final = resource_list(transactions, "status", "expiresAt")

TimeToLive = Annotated[int, Whole(60, 3600)]
YesOrNo = Annotated[bool, TrueOrFalse()]


@declare("createTransaction", "POST", _PATH, scopes=_WRITE, status=201, dialects=EVERY)
async def create_transaction(call: DialectCall, ttl: TimeToLive = 300) -> models.Transaction:
    """Begin a transaction, which can be used for ``ttl`` seconds."""
    caller = call.context.caller
    if caller.kind == "guest":
        raise TidewireError("user_unauthorized", "Guests cannot begin transactions: sign in first.")
    owner = "" if caller.bypasses_permissions else caller.user_id

    def unit(transaction: Transaction) -> models.Transaction:
        connection = transaction.connection
        moment = now()
        limit = call.context.settings.transaction_max_pending
        mine = (transactions.c.owner_id == owner) & (transactions.c.status == "pending")
        open_ones = select(func.count()).where(mine, transactions.c.expires_at > moment)
        if (connection.scalar(open_ones) or 0) >= limit:
            message = f"There are {limit} pending transactions: commit, roll back or delete some."
            raise TidewireError("transaction_limit_exceeded", message)
        new = {
            "id": unique_id(),
            "created_at": moment,
            "updated_at": moment,
            "kind": kind_of(call),
            "owner_id": owner,
            "status": "pending",
            "expires_at": moment + ttl * 1000,
        }
        connection.execute(insert(transactions), new)
        return transaction_of(find_transaction(connection, call, str(new["id"])))

    return await call.context.database.write(unit)


@declare("listTransactions", "GET", _PATH, scopes=_READ, dialects=_NEWER)
@declare("listTransactions", "GET", _PATH, scopes=("rows.read",), dialects=(COLLECTIONS,))
async def list_transactions(
    call: DialectCall,
    queries: Annotated[Sequence[str], QueryList(tuple(_LIST.attributes))] = (),
    total: Boolean = True,
) -> TransactionList:
    """List the caller's transactions; servers see all."""
    caller = call.context.caller
    where = [transactions.c.kind == kind_of(call)]
    if not caller.bypasses_permissions:
        where += [transactions.c.owner_id == caller.user_id, transactions.c.owner_id != ""]
    count, rows = await call.context.database.read(
        lambda connection: list_rows(connection, _LIST, queries, "", where, total)
    )
    return TransactionList(total=count, transactions=[transaction_of(row) for row in rows])


@declare("getTransaction", "GET", _ONE, scopes=_READ, dialects=_NEWER)
@declare("getTransaction", "GET", _ONE, scopes=("rows.read",), dialects=(COLLECTIONS,))
async def get_transaction(call: DialectCall, transaction_id: ResourceId) -> models.Transaction:
    """Get a transaction."""
    return await call.context.database.read(
        lambda connection: transaction_of(find_transaction(connection, call, transaction_id))
    )


@declare("updateTransaction", "PATCH", _ONE, scopes=_WRITE, dialects=EVERY)
async def update_transaction(
    call: DialectCall, transaction_id: ResourceId, commit: YesOrNo = False, rollback: YesOrNo = False
) -> models.Transaction:
    """Commit a transaction, or roll it back."""
    if commit == rollback:
        raise TidewireError("general_bad_request", "Say either commit or rollback: one of them must be true.")

    def unit(transaction: Transaction) -> models.Transaction | TidewireError:
        if commit:
            return commit_staged(transaction, call, transaction_id)
        connection = transaction.connection
        return end_transaction(connection, find_pending(connection, call, transaction_id), "failed")

    ended = await call.context.database.write(unit)
    call.context.database.staging.forget(transaction_id)
    if isinstance(ended, TidewireError):
        raise ended
    return ended


@declare("deleteTransaction", "DELETE", _ONE, scopes=_WRITE, dialects=EVERY)
async def delete_transaction(call: DialectCall, transaction_id: ResourceId) -> None:
    """Delete a transaction; what it has staged is lost."""

    def unit(transaction: Transaction) -> None:
        connection = transaction.connection
        row = find_transaction(connection, call, transaction_id)
        connection.execute(delete(transactions).where(transactions.c.sequence == row.sequence))

    await call.context.database.write(unit)
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
