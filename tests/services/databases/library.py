"""Related tables to test with, and short ways to speak of their rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from tests.services.databases.shop import Json, Shop, column
from tests.services.world import KEY, on_the_wire
from tidewire.core.identities import Caller
from tidewire.core.relationships import OnDelete, RelationType
from tidewire.services.databases import relationships, row_reading, rows

ANYONE = ('read("any")', 'write("any")')


@dataclass
class Library:
    """A database whose tables are related."""

    shop: Shop
    transaction: str | None = None
    """The transaction that everything done to rows is part of."""

    async def table(self, table_id: str, *permissions: str, row_security: bool = False) -> None:
        """A table whose rows have a ``name`` and a number ``n``."""
        columns = [column("name", "varchar"), column("n", "integer")]
        await self.shop.table(columns, *permissions, table_id=table_id, row_security=row_security)

    async def relate(
        self,
        table_id: str,
        related: str,
        relation_type: RelationType,
        key: str | None = None,
        *,
        back: str | None = None,
        on_delete: OnDelete = "setNull",
    ) -> Json:
        """A relationship, two-way if it is called something on the way back."""
        return on_the_wire(
            await relationships.create_relationship_column(
                self.shop.call(),
                "d",
                table_id,
                related,
                relation_type,
                back is not None,
                key,
                back,
                on_delete,
            )
        )

    async def create(self, table_id: str, row_id: str, caller: Caller = KEY, **data: Any) -> Json:
        permissions = data.pop("permissions", None)
        call = self.shop.call(caller)
        return on_the_wire(
            await rows.create_row(
                call, "d", table_id, row_id, data, permissions, transaction_id=self.transaction
            )
        )

    async def update(self, table_id: str, row_id: str, caller: Caller = KEY, **data: Any) -> Json:
        call, within = self.shop.call(caller), self.transaction
        return on_the_wire(
            await rows.update_row_data(call, "d", table_id, row_id, data, transaction_id=within)
        )

    async def upsert(self, table_id: str, row_id: str, caller: Caller = KEY, **data: Any) -> Json:
        permissions = data.pop("permissions", None)
        call, within = self.shop.call(caller), self.transaction
        return on_the_wire(
            await rows.upsert_row(call, "d", table_id, row_id, data, permissions, transaction_id=within)
        )

    async def delete(self, table_id: str, row_id: str, caller: Caller = KEY) -> None:
        call = self.shop.call(caller)
        await rows.delete_row(call, "d", table_id, row_id, transaction_id=self.transaction)

    async def get(self, table_id: str, row_id: str, *selected: str, caller: Caller = KEY) -> Json:
        queries = [select(*selected)] if selected else []
        call, within = self.shop.call(caller), self.transaction
        return on_the_wire(
            await row_reading.get_row(call, "d", table_id, row_id, queries, transaction_id=within)
        )

    async def find(self, table_id: str, *queries: str, caller: Caller = KEY) -> Json:
        call, within = self.shop.call(caller), self.transaction
        return on_the_wire(
            await row_reading.list_rows(call, "d", table_id, list(queries), transaction_id=within)
        )

    async def ids(self, table_id: str, *queries: str, caller: Caller = KEY) -> list[str]:
        return [row["$id"] for row in (await self.find(table_id, *queries, caller=caller))["rows"]]

    async def related(self, table_id: str, row_id: str, key: str, caller: Caller = KEY) -> Any:
        """The ids of the rows that one is related to, or the id of the only one."""
        value = (await self.get(table_id, row_id, f"{key}.$id", caller=caller))[key]
        return [row["$id"] for row in value] if isinstance(value, list) else value and value["$id"]

    async def happened(self) -> list[str]:
        """What the log says of rows, each as ``table.row.action``."""
        return [
            f"{event.parameters['tableId']}.{event.parameters['rowId']}.{action}"
            for action, event in await self.shop.row_events()
        ]


def select(*keys: str) -> str:
    """The query that selects."""
    return msgspec.json.encode({"method": "select", "values": keys}).decode()
