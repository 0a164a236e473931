"""Events of databases: to whom they go follows from ids, words and the type of the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tidewire.core.models import Model
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.publishing import project_event
from tidewire.store.engine.database import Transaction

DATABASE: Final = "databases.[databaseId]"
TABLE: Final = "databases.[databaseId].tables.[tableId]"
COLUMN: Final = "databases.[databaseId].tables.[tableId].columns.[columnId]"
INDEX: Final = "databases.[databaseId].tables.[tableId].indexes.[indexId]"
ROW: Final = "databases.[databaseId].tables.[tableId].rows.[rowId]"


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


def publish_definition(
    transaction: Transaction,
    call: DialectCall,
    pattern: str,
    parameters: Mapping[str, str],
    payload: Model,
    database_type: str,
) -> None:
    """Write the event of a database, table, column or index; ``pattern`` is in the words of tables."""
    context = call.context
    transaction.append(
        project_event(
            context.project,
            context.caller.user_id,
            call.dialect.word(pattern),
            parameters,
            payload,
            database_type=database_type,
        )
    )
