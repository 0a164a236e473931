"""The list of operations that a client stages in one request, checked and in the words of tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tidewire.core.checks.lists import Items, JsonObject, JsonOrText, PermissionList
from tidewire.core.checks.names import Id, KeyName, NewId
from tidewire.core.parameters import Check, InvalidParameterError
from tidewire.services.databases.parameters import Condition, Number
from tidewire.services.databases.transactions.actions import BULK, StagedOperation
from tidewire.services.permissions import ITEM_ACTIONS

_SINGLE: Final = frozenset({"create", "update", "upsert", "delete", "increment", "decrement"})
_OBJECT: Final = JsonOrText()
_FIELDS: Final = JsonObject()
_PERMISSIONS: Final = PermissionList((*ITEM_ACTIONS, "write"))
_NUMBER: Final = Number(loose=True)


@dataclass(frozen=True)
class OperationList(Check):
    """Operations: ``action``, the ids of database, table and row, and ``data``.

    Ids may be named in the words of either dialect: ``tableId`` or ``collectionId``. An operation
    must say which rows it is about, by an id or by ``queries``; otherwise the whole list is refused.
    """

    json_type = "array"
    conditions_within = ("queries",)
    table_key: str
    row_key: str

    def convert(self, value: object) -> list[StagedOperation]:
        if not isinstance(value, list):
            raise InvalidParameterError("Value must be an array.")
        return [self._operation(number, each) for number, each in enumerate(value, start=1)]

    def schema(self) -> dict[str, object]:
        return {"type": "array", "items": {"type": "object"}}

    def _operation(self, number: int, value: object) -> StagedOperation:
        if not isinstance(value, dict):
            raise InvalidParameterError(f"Operation {number} must be an object.")
        action = str(value.get("action"))[:64]
        try:
            if action in _SINGLE:
                return StagedOperation(action, _table(value) | _single(action, value))
            if action in BULK:
                return StagedOperation(action, _table(value) | _bulk(action, value))
        except InvalidParameterError as error:
            raise InvalidParameterError(f"Operation {number}: {error}") from None
        known = ", ".join(sorted(_SINGLE | BULK))
        raise InvalidParameterError(f"Operation {number}: action must be one of {known}.")


def _table(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "database_id": _accept("databaseId", Id(), value.get("databaseId")),
        "table_id": _accept("tableId", Id(), value.get("tableId", value.get("collectionId"))),
    }


def _single(action: str, value: dict[str, Any]) -> dict[str, Any]:
    row_id = value.get("rowId", value.get("documentId"))
    check = NewId() if action in {"create", "upsert"} else Id()
    arguments: dict[str, Any] = {"row_id": _accept("rowId", check, row_id)}
    if action == "delete":
        return arguments
    fields = _data(value)
    if action in {"increment", "decrement"}:
        return arguments | _counting("max" if action == "increment" else "min", fields)
    permissions = fields.get("$permissions")
    if permissions is not None:
        permissions = _accept("$permissions", _PERMISSIONS, permissions)
    kept = {key: each for key, each in fields.items() if key not in {"$id", "$permissions"}}
    return arguments | {"data": kept, "permissions": permissions}


def _counting(bound: str, fields: dict[str, Any]) -> dict[str, Any]:
    arguments = {"column": _accept("column", KeyName(36), fields.get("column", fields.get("attribute")))}
    for name in ("value", bound):
        if name in fields:
            arguments[name] = _accept(name, _NUMBER, fields[name])
    return arguments


def _bulk(action: str, value: dict[str, Any]) -> dict[str, Any]:
    if action in {"bulkCreate", "bulkUpsert"}:
        return {"rows": _accept("data", Items(_OBJECT), value.get("data"))}
    fields = _data(value)
    # A limit given in another place would be ignored.
    for name in ("rowId", "documentId", "queries"):
        if value.get(name) not in (None, ""):
            raise InvalidParameterError(f"{action} is limited by `queries` in its data, not by `{name}`.")
    # An empty list of queries means all rows, so it must be given and cannot be left out.
    arguments: dict[str, Any] = {"queries": _accept("queries", Condition(), fields.get("queries"))}
    if action == "bulkUpdate":
        arguments["data"] = _accept("data", _OBJECT, fields.get("data"))
    return arguments


def _data(value: dict[str, Any]) -> dict[str, Any]:
    data = value.get("data")
    # PHP encodes an empty object as an empty array.
    fields: dict[str, Any] = _accept("data", _FIELDS, {} if data == [] else data)
    return fields


def _accept(name: str, check: Check, value: object) -> Any:
    try:
        return check.convert(value)
    except InvalidParameterError as error:
        raise InvalidParameterError(f"{name}: {error}") from None
