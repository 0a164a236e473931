"""The dialects of operations on databases: tables with rows, the older words for them, documents, vectors.

Everything is done once, in the words of tables; the older dialect differs in words alone, and those of
documents and of vectors use its words. The first two reach databases of both their types: a database
keeps the type that it was created as.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Concatenate, Final, Literal, ParamSpec, TypeVar, get_type_hints

import msgspec

from tidewire.core import models
from tidewire.core.errors import TidewireError
from tidewire.core.operations import Method, Operations, ResponseModel, parameters_of
from tidewire.core.rate_limits import RateLimit
from tidewire.services.context import Context
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Transaction

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound=msgspec.Struct)

_OLDER_WORDS: Final = {
    "table": "collection",
    "column": "attribute",
    "row": "document",
    "Table": "Collection",
    "Column": "Attribute",
    "Row": "Document",
}
_WORD: Final = re.compile("|".join(_OLDER_WORDS))
_SPECIAL: Final = {"ColumnIndex": "Index", "ColumnIndexList": "IndexList"}
"""Models that are not called what their words would make of them."""
_SPECIAL_OF_VECTORS: Final = {"Table": "VectorsdbCollection", "TableList": "VectorsdbCollectionList"}

DatabaseType = Literal["legacy", "tablesdb", "documentsdb", "vectorsdb"]


@lru_cache(maxsize=4096)
def _older(text: str) -> str:
    return _WORD.sub(lambda found: _OLDER_WORDS[found[0]], text)


@dataclass(frozen=True)
class Dialect:
    """One of them."""

    database_type: DatabaseType
    """Of the databases that it creates."""
    service: str
    """Name in the SDKs."""
    base: str
    """What its paths begin with."""
    reaches: tuple[DatabaseType, ...]
    """Types of the databases that it works on."""

    def word(self, text: str) -> str:
        """A name in the words of the dialect: ``createRow`` is ``createDocument`` in the older one."""
        return text if self.database_type == "tablesdb" else _older(text)

    def error(self, type: str, message: str) -> TidewireError:  # noqa: A002 - the word on the wire
        """An error of the dialect, named in the words of tables: ``row_not_found``."""
        if self.database_type != "tablesdb" and type.startswith("column_index_"):
            type = type.removeprefix("column_")  # noqa: A001
        return TidewireError(self.word(type), message)

    def model(self, model: type[Any]) -> type[Any]:
        """The model that the dialect answers with where tables answer with ``model``."""
        if self.database_type == "tablesdb":
            return model
        special = _SPECIAL | (_SPECIAL_OF_VECTORS if self.database_type == "vectorsdb" else {})
        counterpart: type[Any] = getattr(models, special.get(model.__name__) or self.word(model.__name__))
        return counterpart


class DialectCall(msgspec.Struct, frozen=True):
    """A request, and the dialect that it was made in."""

    context: Context
    dialect: Dialect
    within: Transaction | None = None
    """The unit of work that it is part of; None: it makes its own."""

    async def write(self, unit: Callable[[Transaction], R]) -> R:
        """Do ``unit`` as :meth:`Database.write` does."""
        if self.within is not None:
            return unit(self.within)
        return await self.context.database.write(unit)

    async def read(self, unit: Callable[[Connection], R]) -> R:
        """Do ``unit`` as :meth:`Database.read` does."""
        if self.within is not None:
            return unit(self.within.connection)
        return await self.context.database.read(unit)

    async def read_large(self, unit: Callable[[Connection], R]) -> R:
        """The same of a unit that counts the bytes of what it finds with ``context.held``."""
        if self.within is not None or self.context.held is None:
            return await self.read(unit)
        return await self.context.held.read(lambda: self.context.database.read(unit))


TABLES: Final = Dialect("tablesdb", "tablesDB", "/tablesdb", ("legacy", "tablesdb"))
COLLECTIONS: Final = Dialect("legacy", "databases", "/databases", ("legacy", "tablesdb"))
DOCUMENTS: Final = Dialect("documentsdb", "documentsDB", "/documentsdb", ("documentsdb",))
VECTORS: Final = Dialect("vectorsdb", "vectorsDB", "/vectorsdb", ("vectorsdb",))

STRUCTURED: Final = (TABLES, COLLECTIONS)
"""Dialects whose tables have the columns that they are given."""
SCHEMALESS: Final = (DOCUMENTS, VECTORS)
EVERY: Final = (*STRUCTURED, *SCHEMALESS)

OPERATIONS: Final = {dialect: Operations(dialect.service) for dialect in EVERY}
"""The operations of each dialect."""


def declare(
    name: str,
    method: Method,
    path: str,
    *,
    scopes: Sequence[str],
    status: int | None = None,
    model: ResponseModel | None = None,
    older_model: ResponseModel | None = None,
    event: str | None = None,
    limit: RateLimit | None = None,
    chosen_by: str = "",
    missing: str = "general_argument_invalid",
    dialects: Sequence[Dialect] = STRUCTURED,
) -> Callable[
    [Callable[Concatenate[DialectCall, P], Awaitable[R]]], Callable[Concatenate[DialectCall, P], Awaitable[R]]
]:
    """Declare the decorated coroutine function as an operation of several dialects.

    Everything is given in the words of tables; ``path`` begins after ``/tablesdb``. Of the scopes the other
    dialects have those for databases, collections and documents. ``older_model`` is needed for a union.
    """

    def declared(
        function: Callable[Concatenate[DialectCall, P], Awaitable[R]],
    ) -> Callable[Concatenate[DialectCall, P], Awaitable[R]]:
        for dialect in dialects:
            offer(
                dialect,
                name,
                method,
                path,
                function,
                scopes=scopes,
                status=status,
                model=older_model if older_model and dialect is COLLECTIONS else model,
                event=event,
                limit=limit,
                chosen_by=chosen_by,
                missing=missing,
            )
        return function

    return declared


def offer(
    dialect: Dialect,
    name: str,
    method: Method,
    path: str,
    function: Callable[..., Awaitable[Any]],
    annotations: Mapping[str, Any] | None = None,
    *,
    scopes: Sequence[str],
    status: int | None = None,
    model: ResponseModel | None = None,
    aliases: Sequence[str] = (),
    event: str | None = None,
    limit: RateLimit | None = None,
    chosen_by: str = "",
    missing: str = "general_argument_invalid",
) -> None:
    """Declare ``function``, whose first argument is a :class:`DialectCall`, as an operation of one dialect.

    ``annotations`` replace those of the function's arguments.
    """
    answer: Any = model or get_type_hints(function)["return"]
    is_model = isinstance(answer, type) and issubclass(answer, msgspec.Struct)
    parameters = tuple(
        replace(each, name=dialect.word(each.name))
        for each in parameters_of(function, method, path, annotations)
    )

    def operation(context: Context, **given: Any) -> Awaitable[Any]:
        return function(DialectCall(context, dialect), **given)

    operation.__doc__ = _documentation(dialect, inspect.getdoc(function) or "")
    OPERATIONS[dialect].declare(
        dialect.word(name),
        method,
        dialect.base + dialect.word(path),
        scopes=_scopes(dialect, scopes),
        status=status,
        model=dialect.model(answer) if is_model else answer,
        aliases=tuple(dialect.base + dialect.word(alias) for alias in aliases),
        event=dialect.word(event) if event else None,
        limit=limit,
        chosen_by=dialect.word(chosen_by),
        missing=dialect.word(missing),
        parameters=parameters,
    )(operation)


def _documentation(dialect: Dialect, text: str) -> str:
    """``Create a row`` is ``Create a document``; the article stays right."""
    return dialect.word(text).replace("a attribute", "an attribute")


def _scopes(dialect: Dialect, scopes: Sequence[str]) -> tuple[str, ...]:
    """Those of the dialect; if none is, all."""
    older = () if dialect is TABLES else tuple(filter(_is_older, scopes))
    return older or tuple(scopes)


def _is_older(scope: str) -> bool:
    return scope.startswith(("databases.", "collections.", "documents."))


def as_model(dialect: Dialect, model: type[M], fields: dict[str, Any]) -> M:
    """What the dialect answers where tables answer with ``model``; ``fields`` are in the words of tables."""
    answer: M = dialect.model(model)(**{dialect.word(name): value for name, value in fields.items()})
    return answer
