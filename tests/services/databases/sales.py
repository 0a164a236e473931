"""Short ways to transactions."""

from __future__ import annotations

from typing import Any

from tests.services.databases.shop import TABLES, Json, Shop
from tests.services.world import KEY, on_the_wire
from tidewire.core.identities import Caller
from tidewire.services.databases import row_reading
from tidewire.services.databases import transaction_operations as transactions
from tidewire.services.databases.dialects import Dialect
from tidewire.services.databases.transactions.operation_list import OperationList

OPERATIONS = OperationList("tableId", "rowId")


class Sales:
    """A table ``t`` with a ``name`` and a ``count``, and short ways to its transactions."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def begin(self, caller: Caller = KEY, dialect: Dialect = TABLES, ttl: int = 300) -> str:
        begun = await transactions.create_transaction(self.shop.call(caller, dialect), ttl)
        assert begun.status == "pending"
        return begun.id

    async def stage(self, transaction: str, *operations: Json, caller: Caller = KEY) -> Json:
        named = [{"databaseId": "d", "tableId": "t", **each} for each in operations]
        staged = OPERATIONS.convert(named)
        return on_the_wire(await transactions.create_operations(self.shop.call(caller), transaction, staged))

    async def end(
        self, transaction: str, how: str = "commit", caller: Caller = KEY, dialect: Dialect = TABLES
    ) -> Json:
        call = self.shop.call(caller, dialect)
        return on_the_wire(await transactions.update_transaction(call, transaction, **{how: True}))

    async def get(self, transaction: str, caller: Caller = KEY) -> Json:
        return on_the_wire(await transactions.get_transaction(self.shop.call(caller), transaction))

    async def row(self, row_id: str, transaction: str | None = None, caller: Caller = KEY) -> Json:
        call = self.shop.call(caller)
        return on_the_wire(await row_reading.get_row(call, "d", "t", row_id, transaction_id=transaction))

    async def listed(self, transaction: str | None = None, *queries: str) -> dict[str, Any]:
        found = on_the_wire(
            await row_reading.list_rows(self.shop.call(), "d", "t", list(queries), transaction_id=transaction)
        )
        assert found["total"] == len(found["rows"])
        return {row["$id"]: (row["name"], row["count"]) for row in found["rows"]}
