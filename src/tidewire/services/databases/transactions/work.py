"""Staging, reading within a transaction, and committing it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row

from tidewire.core import models
from tidewire.core.channels import Parent, event_audience
from tidewire.core.errors import TidewireError
from tidewire.core.events import NOBODY, Event
from tidewire.services.databases.families import COLLECTIONS, Call
from tidewire.services.databases.transactions.actions import (
    BULK,
    READS,
    Collecting,
    Operation,
    identified,
    perform,
    rehearsal,
    step,
)
from tidewire.services.databases.transactions.records import (
    Place,
    add_operations,
    end_transaction,
    find_pending,
    require_unchanged,
    shown_again,
    staged_operations,
    transaction_of,
    watch_rows,
)
from tidewire.store.database import Transaction
from tidewire.store.platform import Project

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
"""What a list of operations is refused for at once; whatever else is wrong with it, the commit tells."""
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
"""Errors of operations that a commit ends with as they are."""
_TAKEN: Final = frozenset({"document_already_exists", "document_unique_constraint_violation"})

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def take_part(transaction: Transaction, call: Call, transaction_id: str, operation: Operation) -> Any:
    """Do an operation as part of a transaction: stage a change, or read what it would be after the commit.

    The answer to a change is the row as it would be; its ``$sequence`` is not certain before the commit.
    """
    connection = transaction.connection
    row = find_pending(connection, call, transaction_id)
    if operation.action in READS:
        return _read(connection, call, row, operation)
    operation = identified(operation)
    (result,) = _stage(connection, call, row, [operation], lenient=False)
    return result


def stage_all(
    transaction: Transaction, call: Call, transaction_id: str, operations: Sequence[Operation]
) -> models.Transaction:
    """Stage several operations, all or none."""
    connection = transaction.connection
    row = find_pending(connection, call, transaction_id)
    _stage(connection, call, row, [identified(operation) for operation in operations], lenient=True)
    return transaction_of(shown_again(connection, row))


def commit(transaction: Transaction, call: Call, transaction_id: str) -> models.Transaction | TidewireError:
    """Do all that is staged, in order, and write the events; or, if anything is wrong, nothing of it.

    The error is what it returns: that the transaction has failed is to be written too.
    """
    connection = transaction.connection
    row = find_pending(connection, call, transaction_id)
    try:
        with step(connection):
            events = _commit(connection, call, row)
    except TidewireError as error:
        end_transaction(connection, row, "failed")
        return error
    for event in events:
        transaction.append(event)
    return end_transaction(connection, row, "committed")


def _commit(connection: Connection, call: Call, row: Row[Any]) -> list[Event]:
    """Do all that is staged; return the events that tell of it."""
    require_unchanged(connection, call, row)
    limit = call.context.settings.transaction_max_rows
    events: list[Event] = []
    for number, (stager, operation) in enumerate(staged_operations(connection, call, row), start=1):
        done = Collecting(connection, limit - len(events))
        try:
            perform(stager, done, operation)
        except TidewireError as error:
            raise _failure(number, error) from error
        tell = _unseen if operation.action in BULK else partial(_told, call.context.project)
        events += [tell(logged.event) for logged in done.events]
    return events


def _failure(number: int, error: TidewireError) -> TidewireError:
    """What a commit ends with if one of its operations ends with ``error``."""
    kind = COLLECTIONS.word(error.type)
    if kind in _TAKEN:
        kind = "transaction_conflict"
    elif kind not in _TOLD:
        kind = "transaction_failed"
    return TidewireError(kind, f"Nothing was committed: operation {number} failed. {error}")


def _told(project: Project, event: Event) -> Event:
    """The event of a single operation, as transactions publish it (events-and-channels, section 6)."""
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
    """The event of one of many rows: it stands in the log, and nobody receives it."""
    return msgspec.structs.replace(event, channels=[], roles=[], audience=NOBODY)


def _stage(
    connection: Connection, call: Call, row: Row[Any], operations: Sequence[Operation], *, lenient: bool
) -> list[Any]:
    limit = call.context.settings.transaction_max_rows
    # Before anything is rehearsed: what is too much must not cost anything.
    with rehearsal(connection):
        add_operations(connection, call, row, operations)
    with rehearsal(connection):
        _repeat(connection, call, row)
        done = Collecting(connection, limit)
        results = [_try(connection, call, done, each, lenient=lenient) for each in operations]
    places: list[Place] = [place for each in operations if (place := each.place)]
    places += [_place(logged.event) for logged in done.events]
    watch_rows(connection, call, row, places, written=True)
    add_operations(connection, call, row, operations)
    return results


def _try(connection: Connection, call: Call, done: Collecting, operation: Operation, *, lenient: bool) -> Any:
    events = len(done.events)
    try:
        with step(connection):
            return perform(call, done, operation)
    except TidewireError as error:
        del done.events[events:]
        if not lenient:
            raise
        kind = COLLECTIONS.word(error.type)
        if kind == "general_unauthorized_scope":
            kind = "user_unauthorized"
        if kind in _REFUSED:
            raise TidewireError(kind, str(error)) from error
        return None


def _read(connection: Connection, call: Call, row: Row[Any], operation: Operation) -> Any:
    with rehearsal(connection):
        _repeat(connection, call, row)
        result = perform(call, Collecting(connection, 0), operation)
    watch_rows(connection, call, row, _places_read(call, operation, result), written=False)
    return result


def _repeat(connection: Connection, call: Call, row: Row[Any]) -> None:
    """Do what is staged, as far as that is possible just now."""
    limit = call.context.settings.transaction_max_rows
    for stager, operation in staged_operations(connection, call, row):
        with suppress(TidewireError), step(connection):
            perform(stager, Collecting(connection, limit), operation)


def _places_read(call: Call, operation: Operation, result: Any) -> list[Place]:
    if operation.place:
        return [operation.place]
    database_id, table_id = operation.arguments["database_id"], operation.arguments["table_id"]
    rows = getattr(result, call.family.word("rows"))
    return [(database_id, table_id, row["$id"]) for row in rows if "$id" in row]


def _place(event: Event) -> Place:
    parameters = event.parameters
    return (parameters["databaseId"], parameters["tableId"], parameters["rowId"])
