"""Collections of documents: without attributes that would have to be described."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tidewire.core.checks.names import CustomId, ResourceId
from tidewire.core.checks.numbers import Boolean
from tidewire.core.columns import DOCUMENT_KINDS
from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models import Table
from tidewire.core.permissions import expand_permissions
from tidewire.services.databases.column_definitions import ColumnDefinition
from tidewire.services.databases.declarations import declare
from tidewire.services.databases.dialects import DOCUMENTS, DialectCall
from tidewire.services.databases.events import TABLE
from tidewire.services.databases.index_definitions import read_index
from tidewire.services.databases.tables import (
    WRITE,
    Definitions,
    Enabled,
    Name,
    Permissions,
    update_table,
    write_table,
)
from tidewire.services.permissions import PARENT_ACTIONS
from tidewire.store.engine.database import Transaction
from tidewire.store.user_tables.tables import DOCUMENT

_MEMBERS: Final = ColumnDefinition(DOCUMENT, DOCUMENT_KINDS["document"])


@declare(
    "createTable",
    "POST",
    "/{databaseId}/tables",
    scopes=WRITE,
    status=201,
    event=f"{TABLE}.create",
    dialects=(DOCUMENTS,),
)
async def create_collection(
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
    values = new_collection(table_id, name, permissions, row_security, enabled)
    definitions = [read_index(call.dialect, index) for index in indexes]

    def unit(transaction: Transaction) -> Table:
        return write_table(transaction, call, database_id, values, [_MEMBERS], definitions)

    return await call.context.database.write(unit)


@declare(
    "updateTable",
    "PUT",
    "/{databaseId}/tables/{tableId}",
    scopes=WRITE,
    event=f"{TABLE}.update",
    dialects=(DOCUMENTS,),
)
async def update_collection(
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
    return await update_table(call, database_id, table_id, name, permissions, row_security, enabled, purge)


def new_collection(
    collection_id: str, name: str, permissions: Sequence[str] | None, security: bool, enabled: bool
) -> dict[str, Any]:
    """What describes a new collection."""
    return {
        "id": unique_id() if collection_id == "unique()" else collection_id,
        "permissions": expand_permissions(permissions, PARENT_ACTIONS) or [],
        "name": name,
        "enabled": enabled,
        "row_security": security,
    }
