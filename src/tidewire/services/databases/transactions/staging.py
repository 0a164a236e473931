"""Staging operations of a transaction, and reading within it; ``committing`` performs them for good.

An operation is performed when it is staged, on a staging connection (:mod:`tidewire.store.engine.contract`)
that only the transaction sees. A process that has no staging connection for a transaction, or one that lacks
what other processes staged, performs the missing operations again. The writer only stores the operations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import msgspec

from tidewire.core import models
from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.core.models import RowList
from tidewire.services.databases.dialects import COLLECTIONS, DialectCall, as_model
from tidewire.services.databases.transactions.actions import (
    COUNTING,
    READS,
    Collecting,
    StagedOperation,
    identified,
    perform,
    unhindered,
)
from tidewire.services.databases.transactions.records import (
    add_operations,
    encoded,
    find_pending,
    staged_operations,
    transaction_of,
)
from tidewire.services.databases.transactions.watching import RowAddress, newly_watched
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.engine.savepoints import undone, undone_if_raised
from tidewire.store.records.transactions import KeptTransaction, Watched, watch

_REFUSED: Final = frozenset(
    {
        "database_not_found",
        "collection_not_found",
        "document_not_found",
        "user_unauthorized",
        "general_bad_request",
        "transaction_limit_exceeded",
    }
)
"""Errors for which a list of operations is refused at once; other errors are left to the commit."""
_LEFT_TO_COMMIT: Final = {
    "create": "document_already_exists",
    "bulkCreate": "document_already_exists",
    "increment": "attribute_limit_exceeded",
    "decrement": "attribute_limit_exceeded",
}
"""By action, the error that does not prevent staging, because its reason may be gone by the commit."""
_STATUSES: Final = {"bulkCreate": 200, "upsert": 201}
"""The statuses of answers to staged operations that differ from those outside of transactions."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass
class _Done:
    """The results of work on a staging connection, and what the writer is to store of it."""

    kept: KeptTransaction
    results: list[Any]
    watched: list[Watched]
    operations: Sequence[StagedOperation] = ()
    texts: list[str] = field(default_factory=list)
    """Arguments of the operations."""


async def take_part(call: DialectCall, transaction_id: str, operation: StagedOperation) -> Any:
    """Do an operation as part of a transaction: stage a change, or read as if it were committed.

    The answer to a change is the row as it would be, without what only the commit decides.
    """
    if operation.action in READS:
        done = await _do(call, transaction_id, partial(_read, call=call, operation=operation))
    else:
        staged = [identified(operation)]
        done = await _do(call, transaction_id, partial(_stage, call=call, operations=staged, lenient=False))
        call.context.status = _STATUSES.get(operation.action)
    return done.results[0]


async def stage_all(
    call: DialectCall, transaction_id: str, operations: Sequence[StagedOperation]
) -> models.Transaction:
    """Stage several operations, all or none."""
    staged = [identified(operation) for operation in operations]
    done = await _do(call, transaction_id, partial(_stage, call=call, operations=staged, lenient=True))
    return transaction_of(done.kept)


async def _do(
    call: DialectCall, transaction_id: str, work: Callable[[Connection, KeptTransaction], _Done]
) -> _Done:
    """Do ``work`` on the transaction's staging connection, and store what it returns for that."""
    database = call.context.database
    # The transaction is looked up before a staging connection is made for it.
    database.find_at_once(lambda connection: find_pending(connection, call, transaction_id))

    def unit(connection: Connection) -> _Done:
        return work(connection, find_pending(connection, call, transaction_id))

    while True:
        async with database.staging.use(transaction_id) as staged:
            done = await staged.run(partial(_catch_up, call, transaction_id), unit)
            if not done.watched and not done.operations:
                return done
            position = await database.write(partial(_keep, call, done))
            if position is not None:
                if done.operations:
                    staged.keep(position)
                return done
        # Another process has staged something meanwhile, which comes first.


def _catch_up(call: DialectCall, transaction_id: str, connection: Connection, position: int) -> int:
    """Perform the operations staged after a position, as far as they succeed; return the last position."""
    kept = find_pending(connection, call, transaction_id)
    limit = call.context.settings.transaction_max_rows
    for staged, stager, operation in staged_operations(connection, call, kept, position):
        with suppress(TidewireError), undone_if_raised(connection):
            perform(stager, Collecting(connection, limit), operation)
        position = staged
    return position


def _keep(call: DialectCall, done: _Done, transaction: Transaction) -> int | None:
    """Store what was done; return the position after it, or None if something was staged meanwhile."""
    connection = transaction.connection
    position = 0
    if done.operations:
        added = add_operations(connection, call, done.kept, done.operations, done.texts)
        if added is None:
            find_pending(connection, call, done.kept.id)
            return None
        done.kept, position = added
    else:
        find_pending(connection, call, done.kept.id)
    watch(connection, done.kept, done.watched)
    return position


def _stage(
    connection: Connection,
    kept: KeptTransaction,
    *,
    call: DialectCall,
    operations: Sequence[StagedOperation],
    lenient: bool,
) -> _Done:
    # The limits are checked before the work, so that refusing is cheap.
    texts = encoded(call, kept, operations)
    done = Collecting(connection, call.context.settings.transaction_max_rows)
    results: list[Any] = []
    places: dict[RowAddress, bool] = {}
    for operation in operations:
        before = len(done.events)
        results.append(_try(connection, call, done, operation, lenient=lenient))
        touched = [_place(logged.event) for logged in done.events[before:]]
        written = operation.action not in COUNTING
        for place in (operation.place, *touched):
            if place is not None:
                places[place] = places.get(place, False) or written
    watched = newly_watched(connection, call, kept, places)
    return _Done(kept, results, watched, operations, texts)


def _try(
    connection: Connection, call: DialectCall, done: Collecting, operation: StagedOperation, *, lenient: bool
) -> Any:
    events = len(done.events)
    try:
        with undone_if_raised(connection):
            return _answer(call, operation, perform(call, done, operation))
    except TidewireError as error:
        del done.events[events:]
        kind = COLLECTIONS.word(error.type)
        if not lenient:
            if kind != _LEFT_TO_COMMIT.get(operation.action):
                raise
            return _supposed(connection, call, operation)
        if kind == "general_unauthorized_scope":
            kind = "user_unauthorized"
        if kind in _REFUSED:
            raise TidewireError(kind, str(error)) from error
        return None


def _supposed(connection: Connection, call: DialectCall, operation: StagedOperation) -> Any:
    """The answer as if nothing prevented the operation; nothing is changed."""
    limit = call.context.settings.transaction_max_rows
    with undone(connection):
        return _answer(call, operation, perform(call, Collecting(connection, limit), unhindered(operation)))


def _answer(call: DialectCall, operation: StagedOperation, result: Any) -> Any:
    """The answer to a staged operation: new rows are shown without what only the commit decides."""
    if operation.action == "bulkCreate":
        return as_model(call.dialect, RowList, {"total": result.total, "rows": []})
    if operation.action == "create":
        uncertain = {"$sequence": "", "$createdAt": "", "$updatedAt": ""}
        return _decode(result) | uncertain | {"$id": operation.arguments["row_id"]}
    return result


def _read(
    connection: Connection, kept: KeptTransaction, *, call: DialectCall, operation: StagedOperation
) -> _Done:
    result = perform(call, Collecting(connection, 0), operation)
    places = dict.fromkeys(_places_read(call, operation, result), False)
    return _Done(kept, [result], newly_watched(connection, call, kept, places))


def _places_read(call: DialectCall, operation: StagedOperation, result: Any) -> list[RowAddress]:
    if operation.place:
        return [operation.place]
    database_id, table_id = operation.arguments["database_id"], operation.arguments["table_id"]
    rows = getattr(result, call.dialect.word("rows"))
    return [(database_id, table_id, row["$id"]) for row in rows if "$id" in row]


def _place(event: Event) -> RowAddress:
    parameters = event.parameters
    return (parameters["databaseId"], parameters["tableId"], parameters["rowId"])
