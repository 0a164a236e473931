"""Events of databases: to whom they go follows from ids, words and the type of the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tidewire.core.channels import Parent, event_audience
from tidewire.core.events import Event
from tidewire.core.models import Model
from tidewire.core.time import now
from tidewire.services.databases.dialects import Dialect
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.platform import CONSOLE_PROJECT_ID, Project

DATABASE: Final = "databases.[databaseId]"
TABLE: Final = "databases.[databaseId].tables.[tableId]"
COLUMN: Final = "databases.[databaseId].tables.[tableId].columns.[columnId]"
INDEX: Final = "databases.[databaseId].tables.[tableId].indexes.[indexId]"
ROW: Final = "databases.[databaseId].tables.[tableId].rows.[rowId]"

_encode = msgspec.json.Encoder().encode


def table_parameters(database_id: str, table_id: str) -> dict[str, str]:
    """The parameters of the events of a table: both names of each."""
    return {"databaseId": database_id, "tableId": table_id, "collectionId": table_id}


def row_parameters(database_id: str, table_id: str, row_id: str) -> dict[str, str]:
    """The parameters of the events of a row, in the order of the protocol."""
    return {
        "databaseId": database_id,
        "collectionId": table_id,
        "tableId": table_id,
        "documentId": row_id,
        "rowId": row_id,
    }


def make_event(
    project: Project,
    actor_id: str,
    pattern: str,
    parameters: Mapping[str, str],
    fields: Mapping[str, Any],
    database_type: str,
    parent: Parent | None = None,
    payload: bytes = b"",
) -> Event:
    """An event; ``fields`` are those of its payload, which is encoded unless it is given."""
    audience = event_audience(
        pattern=pattern,
        parameters=parameters,
        payload=fields,
        project_id=project.id,
        team_id=project.team_id,
        database_type=database_type,
        parent=parent,
    )
    delivered = project.id != CONSOLE_PROJECT_ID
    return Event(
        pattern=pattern,
        parameters=dict(parameters),
        channels=audience.channels if delivered else [],
        roles=audience.roles if delivered else [],
        payload=payload or _encode(fields),
        timestamp=now(),
        database_type=database_type,
        audience=audience.project,
        actor_id=actor_id,
    )


def publish_definition(
    transaction: Transaction,
    project: Project,
    actor_id: str,
    dialect: Dialect,
    pattern: str,
    parameters: Mapping[str, str],
    payload: Model,
    database_type: str,
) -> None:
    """Write the event of a database, table, column or index; ``pattern`` is in the words of tables."""
    fields: dict[str, Any] = msgspec.to_builtins(payload)
    event = make_event(project, actor_id, dialect.word(pattern), parameters, fields, database_type)
    transaction.append(event)
