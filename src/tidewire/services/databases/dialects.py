"""The dialects of operations on databases: tables with rows, the older words for them, documents, vectors.

Every operation is implemented once, in the words of tables. The older dialect differs only in its words;
those of documents and of vectors use the older words, too. The first two dialects reach databases of both
their types: a database keeps the type that it was created with.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, TypeVar

import msgspec

from tidewire.core import models
from tidewire.core.errors import TidewireError
from tidewire.core.operations import Operations
from tidewire.services.context import Context
from tidewire.store.engine.connection import Connection

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
"""Models whose names in the older words are irregular."""
_SPECIAL_OF_VECTORS: Final = {"Table": "VectorsdbCollection", "TableList": "VectorsdbCollectionList"}

DatabaseType = Literal["legacy", "tablesdb", "documentsdb", "vectorsdb"]


@lru_cache(maxsize=4096)
def _older(text: str) -> str:
    return _WORD.sub(lambda found: _OLDER_WORDS[found[0]], text)


@dataclass(frozen=True)
class Dialect:
    """A dialect of the API: the words and paths of one database service."""

    database_type: DatabaseType
    """The type of the databases that it creates."""
    service: str
    """Name in the SDKs."""
    base: str
    """The beginning of its paths."""
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

    async def read_large(self, unit: Callable[[Connection], R]) -> R:
        """Read with a unit that reports the bytes it finds to ``context.held``, which bounds their sum."""
        read = self.context.database.read
        held = self.context.held
        return await (read(unit) if held is None else held.read(lambda: read(unit)))


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


def as_model(dialect: Dialect, model: type[M], fields: dict[str, Any]) -> M:
    """The answer in a dialect where tables answer with ``model``; ``fields`` are in the words of tables."""
    answer: M = dialect.model(model)(**{dialect.word(name): value for name, value in fields.items()})
    return answer
