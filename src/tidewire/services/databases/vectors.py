"""Collections of vectors: their documents have a vector of fixed length, and an object that describes it."""

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
from tidewire.services.databases.dialects import VECTORS, DialectCall
from tidewire.services.databases.events import TABLE
from tidewire.services.databases.records import find_table_row
from tidewire.services.databases.tables import (
    ID_PATH,
    PATH,
    WRITE,
    Enabled,
    Name,
    Permissions,
    change_table,
    new_table,
    write_table,
)
from tidewire.services.databases.units import unit
from tidewire.services.permissions import PARENT_ACTIONS
from tidewire.store.engine.database import Transaction
from tidewire.store.records.descriptions import resize_vectors
from tidewire.store.user_tables.changes import is_empty

MAX_DIMENSION: Final = 16_000

Dimension = Annotated[int, Whole(1, MAX_DIMENSION)]

# The object is stored before the vector, so that reading it skips that long text.
_METADATA: Final = ColumnDefinition("metadata", DOCUMENT_KINDS["object"], default={})


@declare("createTable", "POST", PATH, scopes=WRITE, status=201, event=f"{TABLE}.create", dialects=(VECTORS,))
@unit
def create_collection(
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


@declare("updateTable", "PUT", ID_PATH, scopes=WRITE, event=f"{TABLE}.update", dialects=(VECTORS,))
@unit
def update_collection(
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
