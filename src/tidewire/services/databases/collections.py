"""Collections of documents, which need no attributes described, and collections of vectors.

A document of the latter has a vector of fixed length, and an object that says what it stands for.
"""

from __future__ import annotations

from typing import Annotated, Final

from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean, Whole
from tidewire.core.columns import DOCUMENT_KINDS
from tidewire.core.errors import TidewireError
from tidewire.core.models import Table
from tidewire.core.permissions import expand_permissions
from tidewire.services.databases.column_definitions import ColumnDefinition
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import DOCUMENTS, VECTORS, DialectCall
from tidewire.services.databases.events import TABLE
from tidewire.services.databases.index_definitions import read_index
from tidewire.services.databases.records import find_table_row
from tidewire.services.databases.tables import (
    WRITE,
    Definitions,
    Enabled,
    Name,
    Permissions,
    change_table,
    new_table,
    update_table,
    write_table,
)
from tidewire.services.databases.units import unit
from tidewire.services.permissions import PARENT_ACTIONS
from tidewire.store.engine.database import Transaction
from tidewire.store.records.descriptions import resize_vectors
from tidewire.store.user_tables.changes import is_empty
from tidewire.store.user_tables.tables import DOCUMENT

MAX_DIMENSION: Final = 16_000

Dimension = Annotated[int, Whole(1, MAX_DIMENSION)]

_MEMBERS: Final = ColumnDefinition(DOCUMENT, DOCUMENT_KINDS["document"])
# The object stands before the long text of the vector, so that it is read without that.
_METADATA: Final = ColumnDefinition("metadata", DOCUMENT_KINDS["object"], default={})
_PATH: Final = "/{databaseId}/tables"
_ID_PATH: Final = f"{_PATH}/{{tableId}}"


@declare(
    "createTable", "POST", _PATH, scopes=WRITE, status=201, event=f"{TABLE}.create", dialects=(DOCUMENTS,)
)
@unit
def create_collection(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: CustomId,
    name: Name,
    permissions: Permissions | None = None,
    row_security: Boolean = False,
    enabled: Enabled = True,
    columns: Definitions = (),
    indexes: Definitions = (),
) -> Table:
    """Create a collection, maybe with its first indexes."""
    if columns:
        message = "Invalid `attributes` param: documents have the attributes that they are written with."
        raise TidewireError("general_argument_invalid", message)
    values = new_table(table_id, name, permissions, row_security, enabled)
    definitions = [read_index(call.dialect, index) for index in indexes]
    return write_table(transaction, call, database_id, values, [_MEMBERS], definitions)


@declare("updateTable", "PUT", _ID_PATH, scopes=WRITE, event=f"{TABLE}.update", dialects=(DOCUMENTS,))
@unit
def update_collection(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    name: Name,
    permissions: Permissions | None = None,
    row_security: Boolean = False,
    enabled: Enabled = True,
    purge: Boolean = False,
) -> Table:
    """Change a collection; permissions that are not given stay."""
    return update_table.unit(
        transaction, call, database_id, table_id, name, permissions, row_security, enabled, purge
    )


@declare("createTable", "POST", _PATH, scopes=WRITE, status=201, event=f"{TABLE}.create", dialects=(VECTORS,))
@unit
def create_vector_collection(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: CustomId,
    name: Name,
    dimension: Dimension,
    permissions: Permissions | None = None,
    row_security: Boolean = False,
    enabled: Enabled = True,
) -> Table:
    """Create a collection for vectors of a dimension."""
    values = new_table(table_id, name, permissions, row_security, enabled)
    vector = ColumnDefinition("embeddings", DOCUMENT_KINDS["vector"], required=True, size=dimension)
    return write_table(transaction, call, database_id, values, [_METADATA, vector], [])


@declare("updateTable", "PUT", _ID_PATH, scopes=WRITE, event=f"{TABLE}.update", dialects=(VECTORS,))
@unit
def update_vector_collection(
    transaction: Transaction,
    call: DialectCall,
    database_id: ResourceId,
    table_id: ResourceId,
    name: Name,
    dimension: Dimension | None = None,
    permissions: Permissions | None = None,
    row_security: Boolean = False,
    enabled: Enabled = True,
) -> Table:
    """Change a collection; permissions not given stay. While it is empty, the dimension can change."""
    granted = expand_permissions(permissions, PARENT_ACTIONS)
    row = find_table_row(transaction.connection, call, database_id, table_id)
    if dimension is not None:
        _resize(transaction, row.sequence, dimension)
    values = {"name": name, "row_security": row_security, "enabled": enabled}
    return change_table(transaction, call, row, values, granted)


def _resize(transaction: Transaction, table: int, dimension: int) -> None:
    """Give the vectors another dimension. Raises ``attribute_invalid_resize`` if there are any."""
    connection = transaction.connection
    if resize_vectors(connection, table, dimension) and not is_empty(connection, table):
        message = "The dimension can only change while the collection has no documents."
        raise TidewireError("attribute_invalid_resize", message)
