"""Operations that create and change columns, two a kind: their parameters follow from what it can do."""

from __future__ import annotations

from typing import Annotated, Any, Final

from tidewire.core.checks.lists import Items
from tidewire.core.checks.names import KeyName, ResourceId
from tidewire.core.checks.numbers import Int64, TrueOrFalse, Whole
from tidewire.core.checks.texts import Text
from tidewire.core.columns import KINDS, ColumnKind
from tidewire.core.models import Column
from tidewire.core.operations import Method, named_parameters
from tidewire.core.parameters import Check, Parameter
from tidewire.services.databases.column_definitions import (
    MAX_SIZE,
    ColumnDefinition,
)
from tidewire.services.databases.columns import PATH, WRITE, create_column, update_column
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import DialectCall
from tidewire.services.databases.events import COLUMN
from tidewire.services.databases.parameters import ColumnKey, Geometry, Number, ValueOf
from tidewire.services.databases.records import COLUMN_MODELS

_DEFAULTS: Final = {"array?": False, "encrypt?": False}
_OPTIONS: Final = ("min", "max", "elements", "encrypt")
_Arguments = dict[str, Any]


def _declare(kind: ColumnKind) -> None:
    """Declare the operations on columns of a kind, in both dialects."""

    async def create(call: DialectCall, /, database_id: str, table_id: str, **given: Any) -> Column:
        return await create_column(call, database_id, table_id, _definition(kind, given))

    async def change(
        call: DialectCall, /, database_id: str, table_id: str, new_key: str | None, **given: Any
    ) -> Column:
        return await update_column(call, database_id, table_id, _definition(kind, given), new_key)

    create.__doc__ = f"Create a column of kind {kind.name}."
    change.__doc__ = f"Change a column of kind {kind.name}."
    name = "BigInt" if kind.name == "bigint" else kind.name.capitalize()
    model = COLUMN_MODELS[kind.name]
    path = f"{PATH}/{kind.name}"
    declare(
        f"create{name}Column",
        "POST",
        path,
        scopes=WRITE,
        status=202,
        model=model,
        event=f"{COLUMN}.create",
        parameters=_parameters(kind, "POST", path, new=True),
    )(create)
    path = f"{PATH}/{kind.name}/{{key}}"
    declare(
        f"update{name}Column",
        "PATCH",
        path,
        scopes=WRITE,
        model=model,
        event=f"{COLUMN}.update",
        parameters=_parameters(kind, "PATCH", path, new=False),
    )(change)


def _definition(kind: ColumnKind, given: _Arguments) -> ColumnDefinition:
    return ColumnDefinition(
        given["key"],
        kind,
        given["required"],
        given["default"],
        given.get("array", False),
        given.get("size") or 0,
        {name: given[name] for name in _OPTIONS if name in given},
    )


def _parameters(kind: ColumnKind, method: Method, path: str, *, new: bool) -> tuple[Parameter, ...]:
    """The parameters of the operation that creates a column of a kind, or changes one."""
    common: _Arguments = {
        "database_id": ResourceId,
        "table_id": ResourceId,
        "key": ColumnKey,
        "required": _annotation(TrueOrFalse()),
        **_own_parameters(kind, new=new),
    }
    # Who changes a column must say what its default is to be; for shapes that came later.
    optional = new or kind.shape is not None
    common["default?" if optional else "default"] = _annotation(_default_check(kind), nullable=True)
    if new and not kind.shape:
        common["array?"] = _annotation(TrueOrFalse())
    if not new:
        common["new_key?"] = _annotation(KeyName(36), nullable=True)
    defaults = {name.rstrip("?"): _DEFAULTS.get(name) for name in common if name.endswith("?")}
    return named_parameters(method, path, {name.rstrip("?"): each for name, each in common.items()}, defaults)


def _own_parameters(kind: ColumnKind, *, new: bool) -> _Arguments:
    """The parameters that only some kinds have: name to annotation; ``?`` marks optional ones."""
    own: _Arguments = {}
    if kind.resizable:
        size = Whole(1, MAX_SIZE[kind.name])
        own["size" if new else "size?"] = _annotation(size, nullable=not new)
    if kind.format == "enum":
        own["elements"] = _annotation(Items(Text(1, 255)))
    if kind.bounded:
        check = Int64() if kind.storage == "integer" else Number()
        own |= {"min?": _annotation(check, nullable=True), "max?": _annotation(check, nullable=True)}
    if kind.encryptable and new:
        own["encrypt?"] = _annotation(TrueOrFalse())
    return own


def _default_check(kind: ColumnKind) -> Check:
    if kind.shape:
        return Geometry(kind.shape)
    if kind.format in {"email", "ip", "url", "datetime"}:
        return ValueOf(kind.name, kind.format)
    checks: dict[str, Check] = {"integer": Int64(), "float": Number(), "boolean": TrueOrFalse()}
    return checks.get(kind.storage) or Text(1 if kind.format == "enum" else 0)


def _annotation(check: Check, *, nullable: bool = False) -> Any:
    annotated = Annotated[Any, check]
    return annotated | None if nullable else annotated


for _kind in KINDS.values():
    _declare(_kind)
