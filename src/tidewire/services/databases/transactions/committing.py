"""Committing a transaction: its staged operations are performed once more, and this time they are written."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec

from tidewire.core import models
from tidewire.core.channels import Parent, event_audience
from tidewire.core.errors import TidewireError
from tidewire.core.events import NOBODY, Event
from tidewire.services.databases.dialects import COLLECTIONS, DialectCall
from tidewire.services.databases.transactions.actions import BULK, Collecting, perform
from tidewire.services.databases.transactions.records import find_pending, staged_operations, transaction_of
from tidewire.services.databases.transactions.watching import require_unchanged
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction
from tidewire.store.engine.savepoints import undone_if_raised
from tidewire.store.instance.instance import Project
from tidewire.store.records.transactions import KeptTransaction, end_transaction

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

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def commit(
    transaction: Transaction, call: DialectCall, transaction_id: str
) -> models.Transaction | TidewireError:
    """Perform all staged operations, in order, and write their events; if one fails, nothing is done.

    The error is returned, not raised, so that the status of the failed transaction is written.
    """
    connection = transaction.connection
    kept = find_pending(connection, call, transaction_id)
    try:
        with undone_if_raised(connection):
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
