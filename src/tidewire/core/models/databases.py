"""Models of databases, of their tables and rows, and what the older interface calls these."""

from __future__ import annotations

from tidewire.core.models.base import AnyObject, Model, Page, Resource, system
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


class DatabaseList(Page, frozen=True, kw_only=True):
    """A page of databases."""

    databases: list[Database]


class ColumnIndex(Resource, frozen=True, kw_only=True):
    """An index of a table."""

    key: str
    type: str
    """``key``, ``unique``, ``fulltext`` or ``spatial``."""
    status: str
    error: str
    columns: list[str]
    lengths: list[int]
    orders: list[str]


class ColumnIndexList(Page, frozen=True, kw_only=True):
    """The indexes of a table."""

    indexes: list[ColumnIndex]


class Table(Resource, frozen=True, kw_only=True):
    """A table."""

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


class TableList(Page, frozen=True, kw_only=True):
    """A page of tables."""

    tables: list[Table]


class Row(AnyObject, frozen=True, kw_only=True):
    """A row: ``$id``, ``$sequence``, ``$tableId`` and so on, and a value for each column."""


class RowList(Page, frozen=True, kw_only=True):
    """A page of rows."""

    rows: list[Row]


class Index(Resource, frozen=True, kw_only=True):
    """An index of a collection."""

    key: str
    type: str
    status: str
    error: str
    attributes: list[str]
    lengths: list[int]
    orders: list[str]


class IndexList(Page, frozen=True, kw_only=True):
    """The indexes of a collection."""

    indexes: list[Index]


class Collection(Resource, frozen=True, kw_only=True):
    """A collection."""

    permissions: list[str] = system("permissions")
    database_id: str
    name: str
    enabled: bool
    document_security: bool
    attributes: list[Column]
    indexes: list[Index]
    bytes_max: int = 0
    bytes_used: int = 0


class CollectionList(Page, frozen=True, kw_only=True):
    """A page of collections."""

    collections: list[Collection]


class VectorsdbCollection(Collection, frozen=True, kw_only=True):
    """A collection of vectors."""

    dimension: int
    """Numbers in each vector."""


class VectorsdbCollectionList(Page, frozen=True, kw_only=True):
    """A page of collections of vectors."""

    collections: list[VectorsdbCollection]


class Document(AnyObject, frozen=True, kw_only=True):
    """A document: ``$id``, ``$sequence``, ``$collectionId`` and so on, and a value for each attribute."""


class DocumentList(Page, frozen=True, kw_only=True):
    """A page of documents."""

    documents: list[Document]


class Transaction(Resource, frozen=True, kw_only=True):
    """A transaction."""

    status: str
    """``pending``, ``committed``, or ``failed``: rolled back, or refused at the commit."""
    operations: int
    """How many are staged."""
    expires_at: str


class TransactionList(Page, frozen=True, kw_only=True):
    """A page of transactions."""

    transactions: list[Transaction]
