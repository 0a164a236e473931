"""How SQLite finds rows: by an index wherever there is one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.databases.shop import Shop, column, query
from tidewire.store.engine.connection import Connection
from tidewire.store.user_tables.access import EVERYTHING, Access
from tidewire.store.user_tables.filters import bound_values
from tidewire.store.user_tables.listing import Part, list_statement
from tidewire.store.user_tables.loading import find_table
from tidewire.store.user_tables.queries import read_page
from tidewire.store.user_tables.tables import UserTable

INDEXES = [
    {"key": "by_a", "type": "key", "columns": ["a"]},
    {"key": "by_ab", "type": "key", "columns": ["b", "a"], "orders": ["asc", "desc"]},
    {"key": "by_s", "type": "key", "columns": ["s"]},
    {"key": "words", "type": "fulltext", "columns": ["w"]},
    {"key": "boxes", "type": "spatial", "columns": ["p"]},
    {"key": "by_time", "type": "key", "columns": ["$createdAt"]},
]
ROLES = ["any", "user:ann", "users"]


async def plan(shop: Shop, queries: list[str], access: Access, part: Part = "all") -> str:
    """What SQLite says about the statement of a list."""

    def unit(connection: Connection) -> str:
        table = find_table(connection, shop.world.instance.encryption, "d", "t", disabled=True)
        assert table is not None
        page = read_page(table, queries)
        compiled = list_statement(table, page, access, part).compile(dialect=connection.dialect)
        values = {**compiled.params, **bound_values(page.values), **access.values, "limit": 25, "offset": 0}
        values |= {name: 1 for name in compiled.params if name.startswith("k")}
        parameters = tuple(values[name] for name in compiled.positiontup or ())
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", parameters)
        return "\n".join(row[3] for row in rows)

    return await shop.world.database.read(unit)


@pytest.mark.parametrize(
    ("queries", "expected"),
    [
        ([query("equal", "a", 1)], "USING INDEX t1_i1"),
        ([query("equal", "a", 1, 2)], "USING INDEX t1_i1"),
        ([query("greaterThan", "a", 1), query("orderAsc", "a")], "SEARCH t1 USING INDEX t1_i1"),
        ([query("between", "a", 1, 2)], "USING INDEX t1_i1"),
        ([query("isNull", "a")], "USING INDEX t1_i1"),
        ([query("orderAsc", "a")], "SCAN t1 USING INDEX t1_i1"),
        ([query("orderDesc", "a")], "SCAN t1 USING INDEX t1_i1"),
        ([query("orderAsc", "a"), query("cursorAfter", "", "x")], "SEARCH t1 USING INDEX t1_i1"),
        ([query("equal", "b", 1), query("orderDesc", "a")], "SEARCH t1 USING INDEX t1_i2"),
        ([query("equal", "b", 1), query("orderAsc", "a")], "SEARCH t1 USING INDEX t1_i2"),
        ([query("orderAsc", "b"), query("orderDesc", "a")], "SCAN t1 USING INDEX t1_i2"),
        ([query("startsWith", "s", "abc")], "USING INDEX t1_i3"),
        ([query("equal", "$id", "x")], "USING INDEX sqlite_autoindex_t1_1"),
        ([query("orderDesc", "$createdAt")], "SCAN t1 USING INDEX t1_i6"),
        ([query("orderDesc", "$createdAt"), query("cursorAfter", "", "x")], "SEARCH t1 USING INDEX t1_i6"),
        ([query("cursorAfter", "", "x")], "USING INTEGER PRIMARY KEY"),
        ([query("search", "w", "tide")], "SCAN t1_i4 VIRTUAL TABLE INDEX"),
        ([query("intersects", "p", [1, 1])], "SCAN t1_i5 VIRTUAL TABLE INDEX"),
        ([query("distanceLessThan", "p", [[1, 1], 5, True])], "SCAN t1_i5 VIRTUAL TABLE INDEX"),
    ],
)
async def test_indexes_are_used(shop: Shop, queries: list[str], expected: str) -> None:
    kinds = {"a": "integer", "b": "integer", "s": "varchar", "w": "text", "p": "point"}
    await shop.table([column(key, kind) for key, kind in kinds.items()], indexes=INDEXES)
    explained = await plan(shop, queries, EVERYTHING)
    assert expected in explained
    if any("order" in each for each in queries):
        assert "USE TEMP B-TREE" not in explained


@pytest.mark.parametrize(("part", "expected"), [("values", "(c1<?)"), ("nulls", "(c1=?)")])
async def test_a_cursor_begins_a_range_of_an_index(shop: Shop, part: Part, expected: str) -> None:
    """However many rows are before it."""
    await shop.table([column("a", "integer")], indexes=INDEXES[:1])
    explained = await plan(shop, [query("orderDesc", "a"), query("cursorAfter", "", "x")], EVERYTHING, part)
    assert explained == f"SEARCH t1 USING INDEX t1_i1 {expected}"


async def test_rows_of_few_readers_are_found_by_their_permissions(shop: Shop) -> None:
    await shop.table([column("a", "integer")], row_security=True)
    await shop.create("r", permissions=['read("user:ann")'])
    access = Access(ROLES)
    access.few = True
    explained = await plan(shop, [query("orderDesc", "$createdAt")], access)
    assert "SEARCH t1 USING INTEGER PRIMARY KEY" in explained
    assert "SEARCH t1_readers USING PRIMARY KEY (role=?)" in explained
    access.few = False
    explained = await plan(shop, [query("orderDesc", "$sequence")], access)
    assert "(row=? AND role=?)" in explained
    assert "USE TEMP B-TREE" not in explained


async def test_statements_are_compiled_once_per_shape(shop: Shop) -> None:
    await shop.table([column("a", "integer")])
    await shop.find(query("equal", "a", 1))
    table: Any = await shop.world.database.read(
        lambda connection: find_table(connection, shop.world.instance.encryption, "d", "t", disabled=True)
    )
    assert isinstance(table, UserTable)
    before = len(table._statements)
    for number in range(20):
        await shop.find(query("equal", "a", number))
    assert len(table._statements) == before
