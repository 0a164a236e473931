"""Staging, reading within a transaction, and committing it.

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
from tidewire.core.channels import Parent, event_audience
from tidewire.core.errors import TidewireError
from tidewire.core.events import NOBODY, Event
from tidewire.core.models import RowList
from tidewire.services.databases.dialects import COLLECTIONS, DialectCall, as_model
from tidewire.services.databases.transactions.actions import (
    BULK,
    COUNTING,
    READS,
    Collecting,
    StagedOperation,
    identified,
    perform,
    step,
    unhindered,
)
from tidewire.services.databases.transactions.records import (
    add_operations,
    encoded,
    find_pending,
    staged_operations,
    transaction_of,
)
from tidewire.services.databases.transactions.watching import RowAddress, newly_watched, require_unchanged
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import Project
from tidewire.store.records.transactions import KeptTransaction, Watched, end_transaction, watch

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
_TOLD: Final = frozenset(
    {
        "attribute_limit_exceeded",
        "document_invalid_structure",
        "document_not_found",
        "general_bad_request",
        "general_query_invalid",
        "relationship_value_invalid",
        "transaction_limit_exceeded",
    }
)
"""Errors of operations that a commit passes on as they are."""
_TAKEN: Final = frozenset({"document_already_exists", "document_unique_constraint_violation"})

_LEFT_TO_COMMIT: Final = {
    "create": "document_already_exists",
    "bulkCreate": "document_already_exists",
    "increment": "attribute_limit_exceeded",
    "decrement": "attribute_limit_exceeded",
}
"""By action, the error that does not prevent staging, because its reason may be gone by the commit."""
_STATUSES: Final = {"bulkCreate": 200, "upsert": 201}
"""The statuses of answers to staged operations that differ from those outside of transactions."""

_encode = msgspec.json.Encoder().encode
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


def commit(
    transaction: Transaction, call: DialectCall, transaction_id: str
) -> models.Transaction | TidewireError:
    """Perform all staged operations, in order, and write their events; if one fails, nothing is done.

    The error is returned, not raised, so that the status of the failed transaction is written.
    """
    connection = transaction.connection
    kept = find_pending(connection, call, transaction_id)
    try:
        with step(connection):
            events = _commit(connection, call, kept)
    except TidewireError as error:
        end_transaction(connection, kept, "failed")
        return error
    for event in events:
        transaction.append(event)
    return transaction_of(end_transaction(connection, kept, "committed"))


def _commit(connection: Connection, call: DialectCall, kept: KeptTransaction) -> list[Event]:
    """Perform all staged operations; return their events."""
    staged = list(staged_operations(connection, call, kept))
    require_unchanged(connection, call, kept, {operation.addressed for _, _, operation in staged})
    limit = call.context.settings.transaction_max_rows
    told_of_all = call.context.settings.transaction_bulk_events
    events: list[Event] = []
    for number, (_, stager, operation) in enumerate(staged, start=1):
        done = Collecting(connection, limit - len(events))
        try:
            perform(stager, done, operation)
        except TidewireError as error:
            raise _failure(number, error) from error
        seen = told_of_all or operation.action not in BULK
        tell = partial(_told, call.context.project) if seen else _unseen
        events += [tell(logged.event) for logged in done.events]
    return events


def _failure(number: int, error: TidewireError) -> TidewireError:
    """The error of a commit, one of whose operations failed with ``error``."""
    kind = COLLECTIONS.word(error.type)
    if kind in _TAKEN:
        kind = "transaction_conflict"
    elif kind not in _TOLD:
        kind = "transaction_failed"
    return TidewireError(kind, f"Nothing was committed: operation {number} failed. {error}")


def _told(project: Project, event: Event) -> Event:
    """The event of an operation in the form that transactions publish."""
    fields = _decode(event.payload)
    table_id = event.parameters["tableId"]
    fields |= {"$tableId": table_id, "$collectionId": table_id}
    pattern = event.pattern
    if pattern.endswith(".upsert"):
        pattern = pattern.removesuffix("upsert") + "update"
    channels = event.channels
    if channels:
        audience = event_audience(
            pattern=pattern,
            parameters=event.parameters,
            payload=fields,
            project_id=project.id,
            team_id=project.team_id,
            database_type=event.database_type,
            parent=Parent([], False),
        )
        channels = audience.channels
    return msgspec.structs.replace(event, pattern=pattern, channels=channels, payload=_encode(fields))


def _unseen(event: Event) -> Event:
    """The event of one of many rows, which is in the log but which nobody receives."""
    return msgspec.structs.replace(event, channels=[], roles=[], audience=NOBODY)


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
        with suppress(TidewireError), step(connection):
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
        with step(connection):
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
    connection.exec_driver_sql("SAVEPOINT supposed")
    try:
        return _answer(call, operation, perform(call, Collecting(connection, limit), unhindered(operation)))
    finally:
        connection.exec_driver_sql("ROLLBACK TO supposed")
        connection.exec_driver_sql("RELEASE supposed")


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
