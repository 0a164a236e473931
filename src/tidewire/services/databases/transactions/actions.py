"""Operations on rows within a transaction, which can be performed again whenever that is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tidewire.core.errors import TidewireError
from tidewire.core.events import Event, LoggedEvent
from tidewire.core.ids import unique_id
from tidewire.services.databases.dialects import DialectCall
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction

READS: Final = frozenset({"get", "list"})
BULK: Final = frozenset({"bulkCreate", "bulkUpdate", "bulkUpsert", "bulkDelete"})
COUNTING: Final = frozenset({"increment", "decrement"})
"""Actions that add to the value that a column has at the time of the commit."""

UNITS: Final[dict[str, Callable[..., Any]]] = {}
"""The unit of work of each action; each :class:`~tidewire.services.databases.row_operations.RowOperation`
adds its own."""


@dataclass(frozen=True)
class StagedOperation:
    """An operation on rows, in the words of tables."""

    action: str
    """A key of :data:`UNITS`."""
    arguments: dict[str, Any]
    """The arguments of its unit, as JSON has them."""

    @property
    def place(self) -> tuple[str, str, str] | None:
        """Database, table and row; None if it is about many rows."""
        arguments = self.arguments
        row = arguments.get("row_id")
        return (arguments["database_id"], arguments["table_id"], row) if row is not None else None

    @property
    def addressed(self) -> tuple[str, str, str]:
        """The row that it is about, as :attr:`place`; the id of the row is empty if it is about many."""
        return self.place or (self.arguments["database_id"], self.arguments["table_id"], "")


class Collecting(Transaction):
    """A unit of work that collects its events instead of writing them; at most ``limit`` of them."""

    def __init__(self, connection: Connection, limit: int) -> None:
        super().__init__(connection)
        self._limit = limit

    def append(self, event: Event) -> LoggedEvent:
        """Keep the event. Raises ``transaction_limit_exceeded``."""
        if len(self.events) >= self._limit:
            message = f"A transaction can change at most {self._limit} rows."
            raise TidewireError("transaction_limit_exceeded", message)
        logged = LoggedEvent(self.connection.project_id, 0, event)
        self.events.append(logged)
        return logged


def perform(call: DialectCall, transaction: Transaction, operation: StagedOperation) -> Any:
    """Do an operation now, in the unit of work ``transaction``."""
    within = transaction.connection if operation.action in READS else transaction
    return UNITS[operation.action](within, call, **operation.arguments)


def identified(operation: StagedOperation) -> StagedOperation:
    """The operation with ids in place of ``unique()``, so that they are the same each time it is done."""
    arguments = dict(operation.arguments)
    if arguments.get("row_id") == "unique()":
        arguments["row_id"] = unique_id()
    if "rows" in arguments:
        arguments["rows"] = [
            {**row, "$id": unique_id()} if row.get("$id", "unique()") == "unique()" else row
            for row in arguments["rows"]
        ]
    return StagedOperation(operation.action, arguments)


def unhindered(operation: StagedOperation) -> StagedOperation:
    """The operation without what only the commit checks: taken ids, and the bounds of counted columns."""
    arguments = dict(operation.arguments)
    if operation.action == "create":
        arguments["row_id"] = unique_id()
    elif operation.action == "bulkCreate":
        arguments["rows"] = [{**row, "$id": unique_id()} for row in arguments["rows"]]
    elif operation.action in COUNTING:
        arguments = {key: value for key, value in arguments.items() if key not in {"max", "min"}}
    return StagedOperation(operation.action, arguments)
