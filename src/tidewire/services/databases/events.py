"""Events of databases: who receives them follows from ids, words and the type of the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidewire.core.models import Model
from tidewire.services.databases.dialects import EVERY, Dialect, DialectCall
from tidewire.services.databases.records import column_model, index_model
from tidewire.services.publishing import project_event
from tidewire.store.engine.connection import Row
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import Project
from tidewire.store.records.descriptions import find_described_table

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
    """Write the event of a database or table to the log; ``pattern`` is in the words of tables."""
    project, actor_id = call.context.project, call.context.caller.user_id
    event = call.dialect.word(pattern)
    transaction.append(
        project_event(project, actor_id, event, parameters, payload, database_type=database_type)
    )


@dataclass(frozen=True)
class PartEvents:
    """The events of columns, or of indexes."""

    pattern: str
    ids: tuple[str, ...]
    """The parameters that name the column or the index."""
    model: Callable[[Dialect, Row[Any]], Model]
    """What the API shows of it, which is the payload."""

    def publish(
        self, transaction: Transaction, call: DialectCall, table: Row[Any], row: Row[Any], action: str
    ) -> None:
        """Write the event of a request to the log, in the words of the request."""
        context = call.context
        self._append(transaction, context.project, context.caller.user_id, call.dialect, table, row, action)

    def publish_outcome(
        self, transaction: Transaction, project: Project, row: Row[Any], action: str, actor_id: str = ""
    ) -> None:
        """Write an event to the log in the words of the database, whoever asked for the change."""
        table = find_described_table(transaction.connection, sequence=row.table_sequence)
        assert table is not None
        dialect = next(each for each in EVERY if each.database_type == table.database_type)
        self._append(transaction, project, actor_id, dialect, table, row, action)

    def _append(
        self,
        transaction: Transaction,
        project: Project,
        actor_id: str,
        dialect: Dialect,
        table: Row[Any],
        row: Row[Any],
        action: str,
    ) -> None:
        pattern = dialect.word(f"{self.pattern}.{action}")
        parameters = table_parameters(table.database_id, table.id) | dict.fromkeys(self.ids, row.key)
        payload, kind = self.model(dialect, row), table.database_type
        transaction.append(project_event(project, actor_id, pattern, parameters, payload, database_type=kind))


COLUMN_EVENTS: Final = PartEvents(COLUMN, ("columnId", "attributeId"), column_model)
INDEX_EVENTS: Final = PartEvents(INDEX, ("indexId",), index_model)
