"""A database of documents, one of vectors, and short ways to speak to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.services.databases.shop import decoded, query, refusal
from tests.services.world import KEY, World, on_the_wire
from tidewire.core.events import Event
from tidewire.core.identities import Caller
from tidewire.core.ids import unique_id
from tidewire.services.databases import (
    bulk,
    databases,
    indexes,
    row_reading,
    rows,
    tables,
    vectors,
)
from tidewire.services.databases.dialects import DOCUMENTS, VECTORS, Dialect, DialectCall
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.sqlite.vectors import prepare_vectors
from tidewire.store.user_tables.access import EVERYTHING, Access
from tidewire.store.user_tables.filters import bound_values
from tidewire.store.user_tables.listing import list_statement
from tidewire.store.user_tables.loading import find_table
from tidewire.store.user_tables.nearest import nearest_values
from tidewire.store.user_tables.queries import read_page
from tidewire.store.user_tables.tables import UserTable

Json = dict[str, Any]


@dataclass
class Library:
    """The databases ``d`` and ``v`` of a project; each has one collection, ``c``."""

    world: World
    dialect: Dialect = DOCUMENTS

    @classmethod
    async def open(cls, world: World) -> Library:
        for dialect in (DOCUMENTS, VECTORS):
            library = cls(world, dialect)
            await databases.create_database(library.call(), library.database_id, "Library")
        return cls(world)

    @property
    def vectors(self) -> Library:
        """The same, for vectors."""
        return Library(self.world, VECTORS)

    @property
    def database_id(self) -> str:
        return "d" if self.dialect is DOCUMENTS else "v"

    @property
    def place(self) -> tuple[str, str]:
        return (self.database_id, "c")

    def call(self, caller: Caller = KEY) -> DialectCall:
        return DialectCall(self.world.context(caller), self.dialect)

    async def collection(
        self, *permissions: str, indexes: Sequence[Json] = (), security: bool = False, dimension: int = 3
    ) -> Json:
        given = (self.call(), self.database_id, "c", "Collection")
        if self.dialect is VECTORS:
            made = await vectors.create_collection(
                *given, dimension, list(permissions), row_security=security
            )
        else:
            made = await tables.create_table(*given, list(permissions), security, indexes=list(indexes))
        return on_the_wire(made)

    async def index(self, index_type: str, *attributes: str, orders: Sequence[str] = ()) -> Json:
        key = unique_id()
        return on_the_wire(
            await indexes.create_index(self.call(), *self.place, key, index_type, attributes, orders)
        )

    async def create(
        self, document_id: str = "unique()", caller: Caller = KEY, permissions: Any = None, **data: Any
    ) -> Json:
        return await self.write(document_id, data, caller, permissions)

    async def write(
        self, document_id: str, data: Json, caller: Caller = KEY, permissions: Any = None
    ) -> Json:
        return on_the_wire(
            await rows.create_row(self.call(caller), *self.place, document_id, data, permissions)
        )

    async def update(
        self, document_id: str, caller: Caller = KEY, permissions: Any = None, **data: Any
    ) -> Json:
        return on_the_wire(
            await rows.update_row_data(self.call(caller), *self.place, document_id, data, permissions)
        )

    async def upsert(self, document_id: str, caller: Caller = KEY, **data: Any) -> Json:
        return on_the_wire(await rows.upsert_row(self.call(caller), *self.place, document_id, data))

    async def get(self, document_id: str, caller: Caller = KEY, *queries: str) -> Json:
        return on_the_wire(
            await row_reading.get_row(self.call(caller), *self.place, document_id, list(queries))
        )

    async def delete(self, document_id: str, caller: Caller = KEY) -> None:
        await rows.delete_row(self.call(caller), *self.place, document_id)

    async def find(self, *queries: str, caller: Caller = KEY, total: bool = True) -> Json:
        return on_the_wire(
            await row_reading.list_rows(self.call(caller), *self.place, list(queries), total=total)
        )

    async def ids(self, *queries: str, caller: Caller = KEY) -> list[str]:
        return [document["$id"] for document in (await self.find(*queries, caller=caller))["documents"]]

    async def fill(self, *many: Json) -> None:
        for start in range(0, len(many), 100):
            await bulk.create_rows(self.call(), *self.place, list(many[start : start + 100]))

    async def drop(self) -> None:
        await tables.delete_table(self.call(), *self.place)

    async def events(self) -> list[tuple[str, Event]]:
        """Action and event of everything that happened to documents."""
        return [
            (event.pattern.rpartition(".")[2], event)
            for event in await self.world.events()
            if event.parameters.get("documentId")
        ]

    def table(self, connection: Connection) -> UserTable:
        table = find_table(connection, self.world.instance.encryption, *self.place, disabled=True)
        assert table is not None
        return table

    async def plan(self, *queries: str, access: Access = EVERYTHING) -> str:
        """What SQLite says about the statement of a list."""

        def unit(connection: Connection) -> str:
            table = self.table(connection)
            page = read_page(table, queries)
            prepare_vectors(connection)
            compiled = list_statement(table, page, access).compile(dialect=connection.dialect)
            values = {**compiled.params, **bound_values(page.values), **access.values}
            values |= {"limit": 25, "offset": 0} | nearest_values(page.nearest)
            values |= {name: 1 for name in compiled.params if name.startswith("k")}
            parameters = tuple(values[name] for name in compiled.positiontup or ())
            found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", parameters)
            return "\n".join(row[3] for row in found)

        return await self.world.database.read(unit)


__all__ = ["Library", "decoded", "query", "refusal"]
