"""A table whose rows are changed on staging connections, and short ways to do so."""

from __future__ import annotations

from functools import partial

from sqlalchemy import select

from tests.services.databases.shop import Shop, column
from tests.services.world import World
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.contract import Staging
from tidewire.store.user_tables.loading import find_table
from tidewire.store.user_tables.rows import Changes, insert_row
from tidewire.store.user_tables.tables import UserTable


async def stock(world: World) -> None:
    """Make the table ``t`` with the row ``a``."""
    shop = await Shop.open(world)
    await shop.table([column("name", "varchar"), column("n", "integer")])
    await shop.create("a", name="A", permissions=['read("any")'])


def unchanged(_connection: Connection, position: int) -> int:
    return position


def table_of(world: World, connection: Connection) -> UserTable:
    table = find_table(connection, world.context().encryption, "d", "t", disabled=True)
    assert table is not None
    return table


def add(world: World, row_id: str, connection: Connection) -> None:
    insert_row(connection, table_of(world, connection), row_id, ['read("any")'], Changes(updated_at=1))


def names(world: World, connection: Connection) -> list[str]:
    """The ids of all rows, in the order of their creation."""
    rows = table_of(world, connection).rows.c
    return list(connection.scalars(select(rows.id).order_by(rows.sequence)))


async def seen(staged: Staging, world: World) -> list[str]:
    return await staged.run(unchanged, partial(names, world))
