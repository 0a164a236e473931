"""Columns counted up and down: of changes made at the same time none is lost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import isfinite
from typing import Any

import msgspec

from tidewire.core.checks.names import ResourceId
from tidewire.core.columns import INT64
from tidewire.core.documents import found_at, member_problem
from tidewire.core.errors import TidewireError
from tidewire.core.models import Row
from tidewire.core.row_operators import Operator, whole
from tidewire.core.time import now
from tidewire.services.databases.declarations import F
from tidewire.services.databases.dialects import DOCUMENTS, STRUCTURED, DialectCall
from tidewire.services.databases.events import ROW
from tidewire.services.databases.parameters import ColumnKey, LooseNumber
from tidewire.services.databases.records import find_user_table
from tidewire.services.databases.row_finding import row_to_change
from tidewire.services.databases.row_operations import ROW_PATH, row_operation
from tidewire.services.databases.row_values import problem_of_stored, wrong_structure
from tidewire.services.databases.row_views import may_with_row, publish_row
from tidewire.services.databases.row_writing import change_row, duplicate_value
from tidewire.services.databases.rows import declare_write
from tidewire.services.permissions import unauthorized
from tidewire.store.engine.database import Transaction
from tidewire.store.user_tables.columns import UserColumn
from tidewire.store.user_tables.listing import StoredRow
from tidewire.store.user_tables.operators import NoResultError
from tidewire.store.user_tables.rows import Changes, DuplicateValueError, update_row
from tidewire.store.user_tables.tables import DOCUMENT, SYSTEM_COLUMNS, UserTable


def _declare(name: str, action: str) -> Callable[[F], F]:
    """Declare an operation; for documents its event is named after the type of the database."""
    declared = partial(declare_write, name, "PATCH", f"{ROW_PATH}/{{column}}/{action}", model=Row)
    event = f"{ROW}.update"
    documents_event = event.replace("databases.", "documentsdb.", 1)

    def both(function: F) -> F:
        return declared(event=event, dialects=STRUCTURED)(
            declared(event=documents_event, dialects=(DOCUMENTS,))(function)
        )

    return both


@_declare("incrementRowColumn", "increment")
@row_operation("increment")
def increment_row_column(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    row_id: ResourceId,
    column: ColumnKey,
    value: LooseNumber = 1,
    max: LooseNumber | None = None,  # noqa: A002 - the name on the wire
) -> msgspec.Raw:
    """Add to a column, but not beyond a greatest value."""
    return _count(transaction, call, (database_id, table_id, row_id), column, "increment", value, max)


@_declare("decrementRowColumn", "decrement")
@row_operation("decrement")
def decrement_row_column(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    row_id: ResourceId,
    column: ColumnKey,
    value: LooseNumber = 1,
    min: LooseNumber | None = None,  # noqa: A002 - the name on the wire
) -> msgspec.Raw:
    """Subtract from a column, but not below a least value."""
    return _count(transaction, call, (database_id, table_id, row_id), column, "decrement", value, min)


def _count(
    transaction: Transaction,
    call: DialectCall,
    ids: tuple[str, str, str],
    key: str,
    method: str,
    value: float,
    bound: float | None,
) -> msgspec.Raw:
    database_id, table_id, row_id = ids
    if not 0 < value < 2**63:
        raise TidewireError(
            "general_argument_invalid", "Invalid `value` param: Value must be greater than 0."
        )
    connection = transaction.connection
    table = find_user_table(connection, call, database_id, table_id)
    row = row_to_change(connection, call, table, row_id)
    if not may_with_row(call.context.caller, "update", table, row):
        raise unauthorized("update", f"this {call.dialect.word('row')}")
    if table.document is not None:
        changes = _counted_member(call, table, row, key, value if method == "increment" else -value, bound)
        return change_row(transaction, call, table, row, changes, "update")
    column = _counted_column(call, table, key, value)
    changes = Changes(operators={key: Operator(method, (whole(value),))}, updated_at=now())
    try:
        changed = update_row(connection, table, row, changes)
    except DuplicateValueError:
        raise duplicate_value(call) from None
    except NoResultError as error:
        raise _beyond(call, column, str(error)) from None
    _require_within(call, table, column, changed[_position(table, key)], method, bound)
    return publish_row(transaction, call, table, changed, "update")


def _counted_member(
    call: DialectCall, table: UserTable, row: StoredRow, key: str, value: float, bound: float | None
) -> Changes:
    """The change that counts a member of a document, found by its path; a missing one counts from zero.

    Raises ``attribute_type_invalid``, ``attribute_limit_exceeded`` or ``document_invalid_structure``.
    """
    document = table.shown_values(row[len(SYSTEM_COLUMNS) :])
    path = tuple(key.split("."))
    found = found_at(document, path) or _added_at(document, path)
    if found is None:
        raise call.dialect.error("column_type_invalid", "What the path leads through is no object.")
    place, number = found
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise call.dialect.error("column_type_invalid", "The attribute holds no number.")
    counted = number + whole(value)
    passed = bound is not None and (counted > bound if value > 0 else counted < bound)
    if passed or not isfinite(counted) or (isinstance(counted, int) and counted not in INT64):
        limit = bound if passed else "a number of 64 bits"
        message = f'The attribute "{key}" cannot take this value: it must not pass {limit}.'
        raise call.dialect.error("column_limit_exceeded", message)
    place[path[-1]] = counted
    problem = member_problem(path[0], document[path[0]], call.context.settings.max_document_depth)
    if problem:
        raise wrong_structure(call, f'The attribute "{key}" does not fit: {problem}')
    return Changes({DOCUMENT: {path[0]: document[path[0]]}}, updated_at=now())


def _added_at(document: dict[str, Any], path: tuple[str, ...]) -> tuple[dict[str, Any], int] | None:
    """Add the objects on the way to a missing member; return the innermost and 0, or None if that fails."""
    place = document
    for name in path[:-1]:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            return None
    return place, 0


def _counted_column(call: DialectCall, table: UserTable, key: str, value: float) -> UserColumn:
    """The column to count in. Raises ``column_not_found`` or ``column_type_invalid``."""
    column = table.columns.get(key)
    if column is None:
        raise call.dialect.error("column_not_found", call.dialect.word("There is no such column."))
    storage = column.rules.kind.storage
    if storage not in {"integer", "float"} or column.rules.array:
        raise call.dialect.error("column_type_invalid", call.dialect.word("The column holds no number."))
    if storage == "integer" and not float(value).is_integer():
        raise call.dialect.error("column_type_invalid", call.dialect.word("The column holds integers."))
    return column


def _position(table: UserTable, key: str) -> int:
    """The position of the value of a column in a stored row."""
    return len(SYSTEM_COLUMNS) + list(table.columns).index(key)


def _require_within(
    call: DialectCall, table: UserTable, column: UserColumn, stored: Any, method: str, bound: float | None
) -> None:
    """Refuse a result beyond the bound, which undoes the change: ``column_limit_exceeded``."""
    beyond = bound is not None and (stored > bound if method == "increment" else stored < bound)
    problem = f"it must not pass {bound}." if beyond else problem_of_stored(table, column, stored)
    if problem:
        raise _beyond(call, column, problem)


def _beyond(call: DialectCall, column: UserColumn, problem: str) -> TidewireError:
    word = call.dialect.word("column")
    message = f'The {word} "{column.key}" cannot take this value: {problem}'
    return call.dialect.error("column_limit_exceeded", message)
