"""A database to test with, and short ways to speak to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.services.world import KEY, World, on_the_wire
from tidewire.core.errors import TidewireError
from tidewire.core.events import Event
from tidewire.core.identities import Caller
from tidewire.services.databases import bulk, databases, row_reading, rows, tables
from tidewire.services.databases.dialects import COLLECTIONS, TABLES, Dialect, DialectCall

Json = dict[str, Any]


def query(method: str, attribute: str = "", *values: Any) -> str:
    """A query as SDKs write it."""
    return json.dumps({"method": method, "attribute": attribute, "values": list(values)})


def operator(method: str, *values: Any) -> str:
    """An operator as SDKs write it."""
    return json.dumps({"method": method, "values": list(values)})


def column(key: str, kind: str, **given: Any) -> Json:
    """A column as a request that creates a table describes it."""
    defaults = {"size": 100} if kind in {"string", "varchar"} else {}
    return {"key": key, "type": kind, **defaults, **given}


@dataclass
class Shop:
    """The database ``d`` of a project."""

    world: World

    @classmethod
    async def open(cls, world: World) -> Shop:
        shop = cls(world)
        await databases.create_database(shop.call(), "d", "Shop")
        return shop

    def call(self, caller: Caller = KEY, dialect: Dialect = TABLES) -> DialectCall:
        return DialectCall(self.world.context(caller), dialect)

    async def table(
        self,
        columns: Sequence[Json] = (),
        *permissions: str,
        table_id: str = "t",
        indexes: Sequence[Json] = (),
        row_security: bool = False,
    ) -> Json:
        return on_the_wire(
            await tables.create_table(
                self.call(),
                "d",
                table_id,
                "Table",
                list(permissions),
                columns=list(columns),
                indexes=list(indexes),
                row_security=row_security,
            )
        )

    async def create(
        self, row_id: str = "unique()", caller: Caller = KEY, permissions: Any = None, **data: Any
    ) -> Json:
        return on_the_wire(await rows.create_row(self.call(caller), "d", "t", row_id, data, permissions))

    async def update(self, row_id: str, caller: Caller = KEY, permissions: Any = None, **data: Any) -> Json:
        return on_the_wire(await rows.update_row_data(self.call(caller), "d", "t", row_id, data, permissions))

    async def upsert(self, row_id: str, caller: Caller = KEY, permissions: Any = None, **data: Any) -> Json:
        return on_the_wire(await rows.upsert_row(self.call(caller), "d", "t", row_id, data, permissions))

    async def get(self, row_id: str, caller: Caller = KEY, *queries: str) -> Json:
        return on_the_wire(await row_reading.get_row(self.call(caller), "d", "t", row_id, list(queries)))

    async def delete(self, row_id: str, caller: Caller = KEY) -> None:
        await rows.delete_row(self.call(caller), "d", "t", row_id)

    async def find(self, *queries: str, caller: Caller = KEY, total: bool = True) -> Json:
        return on_the_wire(
            await row_reading.list_rows(self.call(caller), "d", "t", list(queries), total=total)
        )

    async def ids(self, *queries: str, caller: Caller = KEY) -> list[str]:
        return [row["$id"] for row in (await self.find(*queries, caller=caller))["rows"]]

    async def fill(self, *many: Json) -> None:
        for start in range(0, len(many), 100):
            await bulk.create_rows(self.call(), "d", "t", list(many[start : start + 100]))

    async def drop(self) -> None:
        await tables.delete_table(self.call(), "d", "t")

    async def row_events(self) -> list[tuple[str, Event]]:
        """Action and event of everything that happened to rows."""
        return [
            (event.pattern.rpartition(".")[2], event)
            for event in await self.world.events()
            if event.parameters.get("rowId")
        ]


_SYSTEM = {"$id", "$sequence", "$createdAt", "$updatedAt", "$permissions", "$databaseId"}


def own(row: Any) -> Any:
    """A row, or rows, without what all rows have, nested ones too; it must be there."""
    if isinstance(row, list):
        return [own(each) for each in row]
    if not isinstance(row, dict) or "$id" not in row:
        return row
    assert row.keys() >= _SYSTEM and len(row.keys() & {"$tableId", "$collectionId"}) == 1
    return {key: own(value) for key, value in row.items() if not key.startswith("$")}


async def refusal(work: Any) -> str:
    """The type of the error that ``work`` ends with; empty if it ends well."""
    try:
        await work
    except TidewireError as error:
        return error.type
    return ""


def decoded(event: Event) -> Json:
    """The payload of an event."""
    payload: Json = msgspec.json.decode(event.payload)
    return payload


__all__ = ["COLLECTIONS", "TABLES", "Shop", "column", "decoded", "operator", "own", "query", "refusal"]
