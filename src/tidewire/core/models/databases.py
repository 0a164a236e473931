"""Models of databases, of their tables and rows, and what the older interface calls these."""

from __future__ import annotations

from tidewire.core.models.base import AnyObject, Model, system
from tidewire.core.models.columns import Column


class Database(Model, frozen=True, kw_only=True):
    """A set of tables, collections."""

    id: str = system("id")
    name: str
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    enabled: bool
    type: str
    """``legacy``, ``tablesdb``, ``documentsdb`` or ``vectorsdb``."""
    status: str = "ready"


class DatabaseList(Model, frozen=True, kw_only=True):
    """A page of databases."""

    total: int
    databases: list[Database]


class ColumnIndex(Model, frozen=True, kw_only=True):
    """An index of a table."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    key: str
    type: str
    """``key``, ``unique``, ``fulltext`` or ``spatial``."""
    status: str
    error: str
    columns: list[str]
    lengths: list[int]
    orders: list[str]


class ColumnIndexList(Model, frozen=True, kw_only=True):
    """The indexes of a table."""

    total: int
    indexes: list[ColumnIndex]


class Table(Model, frozen=True, kw_only=True):
    """A table."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    permissions: list[str] = system("permissions")
    database_id: str
    name: str
    enabled: bool
    row_security: bool
    columns: list[Column]
    indexes: list[ColumnIndex]
    bytes_max: int = 0
    """Bytes that a row may have; 0: there is no such limit."""
    bytes_used: int = 0


class TableList(Model, frozen=True, kw_only=True):
    """A page of tables."""

    total: int
    tables: list[Table]


class Row(AnyObject, frozen=True, kw_only=True):
    """A row: ``$id``, ``$sequence``, ``$tableId`` and so on, and a value for each column."""


class RowList(Model, frozen=True, kw_only=True):
    """A page of rows."""

    total: int
    rows: list[Row]


class Index(Model, frozen=True, kw_only=True):
    """An index of a collection."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    key: str
    type: str
    status: str
    error: str
    attributes: list[str]
    lengths: list[int]
    orders: list[str]


class IndexList(Model, frozen=True, kw_only=True):
    """The indexes of a collection."""

    total: int
    indexes: list[Index]


class Collection(Model, frozen=True, kw_only=True):
    """A collection."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    permissions: list[str] = system("permissions")
    database_id: str
    name: str
    enabled: bool
    document_security: bool
    attributes: list[Column]
    indexes: list[Index]
    bytes_max: int = 0
    bytes_used: int = 0


class CollectionList(Model, frozen=True, kw_only=True):
    """A page of collections."""

    total: int
    collections: list[Collection]


class VectorsdbCollection(Model, frozen=True, kw_only=True):
    """A collection of vectors."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    permissions: list[str] = system("permissions")
    database_id: str
    name: str
    enabled: bool
    document_security: bool
    attributes: list[Column]
    indexes: list[Index]
    bytes_max: int = 0
    bytes_used: int = 0
    dimension: int
    """Numbers in each vector."""


class VectorsdbCollectionList(Model, frozen=True, kw_only=True):
    """A page of collections of vectors."""

    total: int
    collections: list[VectorsdbCollection]


class Document(AnyObject, frozen=True, kw_only=True):
    """A document: ``$id``, ``$sequence``, ``$collectionId`` and so on, and a value for each attribute."""


class DocumentList(Model, frozen=True, kw_only=True):
    """A page of documents."""

    total: int
    documents: list[Document]


class Transaction(Model, frozen=True, kw_only=True):
    """A transaction."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    status: str
    """``pending``, ``committed``, or ``failed``: rolled back, or refused at the commit."""
    operations: int
    """How many are staged."""
    expires_at: str


class TransactionList(Model, frozen=True, kw_only=True):
    """A page of transactions."""

    total: int
    transactions: list[Transaction]
