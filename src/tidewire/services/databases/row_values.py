"""The values that a client gives for a row: checked, and converted to what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tidewire.core.checks.lists import PermissionList
from tidewire.core.columns import DOCUMENT_KINDS, InvalidValueError
from tidewire.core.documents import member_problem
from tidewire.core.errors import TidewireError
from tidewire.core.parameters import InvalidParameterError
from tidewire.core.row_operators import read_operator
from tidewire.core.time import now, parse_datetime
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.related_values import read_related
from tidewire.services.permissions import ITEM_ACTIONS
from tidewire.store.user_tables.columns import UserColumn
from tidewire.store.user_tables.listing import StoredRow
from tidewire.store.user_tables.rows import Changes
from tidewire.store.user_tables.tables import DOCUMENT, SYSTEM_COLUMNS, UserTable

_PERMISSIONS: Final = PermissionList((*ITEM_ACTIONS, "write"))
_MOMENTS: Final = {"$createdAt": "created_at", "$updatedAt": "updated_at"}


def new_values(call: DialectCall, table: UserTable, data: Mapping[str, Any]) -> Changes:
    """The values of a new row. Raises ``row_invalid_structure``."""
    changes = _read(call, table, data, operators=False)
    if table.document is not None:
        changes.values.setdefault(DOCUMENT, {})
    for key, column in table.columns.items():
        if changes.values.get(key) is None:
            rules = column.rules
            if rules.required:
                raise wrong_structure(call, f'The {_column(call)} "{key}" needs a value.')
            if rules.default is not None:
                changes.values[key] = rules.accept(rules.default)
    return changes


def completed(call: DialectCall, table: UserTable, row: StoredRow, changes: Changes) -> Changes:
    """The changes of a row; to those of a document the members are added that it keeps."""
    if table.document is None or DOCUMENT not in changes.values:
        return changes
    place = len(SYSTEM_COLUMNS) + list(table.columns).index(DOCUMENT)
    kept = table.document.shown(row[place], table.encryption) or {}
    document = kept | changes.values[DOCUMENT]
    require_size(call, document)
    return msgspec.structs.replace(changes, values=changes.values | {DOCUMENT: document})


def require_size(call: DialectCall, document: Mapping[str, Any]) -> None:
    """Refuse a document that is too large: ``document_invalid_structure``."""
    maximum = call.context.settings.max_document_bytes
    if len(msgspec.json.encode(document)) > maximum:
        raise wrong_structure(call, f"it must have at most {maximum} bytes as JSON.")


def changed_values(call: DialectCall, table: UserTable, data: Mapping[str, Any]) -> Changes:
    """The values and operators that change a row. Raises ``row_invalid_structure``."""
    return _read(call, table, data, operators=True)


def plain_values(call: DialectCall, table: UserTable, data: Mapping[str, Any]) -> Changes:
    """The values that are given, none of them an operator. Raises ``row_invalid_structure``."""
    return _read(call, table, data, operators=False)


def changes_nothing(table: UserTable, row: StoredRow, changes: Changes) -> bool:
    """Whether the row holds the new values already."""
    if changes.operators:
        return False
    stored = dict(zip(table.columns, row[len(SYSTEM_COLUMNS) :], strict=True))
    return all(
        not table.columns[key].rules.encrypted
        and table.columns[key].stored(value, table.encryption) == stored[key]
        for key, value in changes.values.items()
    )


def require_fitting(call: DialectCall, table: UserTable, row: StoredRow, changes: Changes) -> None:
    """Refuse results of operators that the columns do not take: ``row_invalid_structure``."""
    if not changes.operators:
        return
    stored = dict(zip(table.columns, row[len(SYSTEM_COLUMNS) :], strict=True))
    for key in changes.operators:
        problem = problem_of_stored(table, table.columns[key], stored[key])
        if problem:
            raise invalid_operation(call, key, problem)


def invalid_operation(call: DialectCall, key: str, problem: str) -> TidewireError:
    """The error for an operator whose result the column does not take."""
    return wrong_structure(call, f'The operator makes the {_column(call)} "{key}" invalid: {problem}')


def problem_of_stored(table: UserTable, column: UserColumn, stored: Any) -> str:
    """The reason why a column does not take a stored value; empty if it does."""
    try:
        column.rules.accept(column.shown(stored, table.encryption))
    except InvalidValueError as error:
        return str(error)
    except (ValueError, OverflowError):
        return "it is out of range."
    return ""


def given_permissions(value: object) -> list[str] | None:
    """``$permissions`` of a row among many. Raises ``general_bad_request``."""
    if value is None:
        return None
    try:
        return _PERMISSIONS.convert(value)
    except InvalidParameterError as error:
        raise TidewireError("general_bad_request", f"Invalid `$permissions`: {error}") from None


def wrong_structure(call: DialectCall, problem: str) -> TidewireError:
    """The error for data that do not fit the table."""
    word = call.dialect.word("row")
    return call.dialect.error("row_invalid_structure", f"Invalid {word} structure: {problem}")


def _column(call: DialectCall) -> str:
    return call.dialect.word("column")


def _read(call: DialectCall, table: UserTable, data: Mapping[str, Any], *, operators: bool) -> Changes:
    changes = Changes(updated_at=now())
    for key, value in data.items():
        if key.startswith("$"):
            if key in _MOMENTS:
                _read_moment(call, changes, key, value)
            continue
        column = table.columns.get(key)
        if column is not None:
            _read_value(call, changes, column, value, operators=operators)
        elif key in table.relations:
            changes.related[key] = read_related(call, table.relations[key], value)
        elif table.document is not None:
            _read_member(call, changes, key, value)
        else:
            raise wrong_structure(call, f'Unknown {_column(call)}: "{key[:64]}".')
    return changes


def _read_member(call: DialectCall, changes: Changes, key: str, value: Any) -> None:
    problem = member_problem(key, value, call.context.settings.max_document_depth)
    if problem:
        raise wrong_structure(call, f'The {_column(call)} "{key[:64]}" does not fit: {problem}')
    changes.values.setdefault(DOCUMENT, {})[key] = value


def _read_value(
    call: DialectCall, changes: Changes, column: UserColumn, value: Any, *, operators: bool
) -> None:
    try:
        operators = operators and column.rules.kind.name not in DOCUMENT_KINDS
        operator = read_operator(value, column.rules) if operators else None
        if operator is not None:
            changes.operators[column.key] = operator
        else:
            changes.values[column.key] = column.rules.accept(value)
            if column.rules.kind.storage == "document":
                _require_object(call, column, value)
    except InvalidValueError as error:
        message = f'The {_column(call)} "{column.key}" has an invalid value: {error}'
        raise wrong_structure(call, message) from None


def _require_object(call: DialectCall, column: UserColumn, value: Mapping[str, Any] | None) -> None:
    """Refuse an object that a column does not take: ``document_invalid_structure``."""
    depth = call.context.settings.max_document_depth
    for name, member in (value or {}).items():
        problem = member_problem(name, member, depth - 1)
        if problem:
            raise wrong_structure(call, f'The {_column(call)} "{column.key}" does not fit: {problem}')
    require_size(call, value or {})


def _read_moment(call: DialectCall, changes: Changes, key: str, value: object) -> None:
    """Read a time of creation or change, which servers may give, for example when they import rows."""
    if value is None or not call.context.caller.bypasses_permissions:
        return
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise wrong_structure(call, f"{key} is a date and time in ISO 8601.")
    setattr(changes, _MOMENTS[key], moment)
