"""Rows: written, found, changed; what they may hold; what they tell of themselves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.services.databases.shop import COLLECTIONS, Shop, column, decoded, operator, own, query, refusal
from tests.services.world import KEY, on_the_wire
from tidewire.api.responses import encode_in_pieces
from tidewire.core.columns import KINDS
from tidewire.services.databases import bulk, columns, counting, records, row_reading, rows
from tidewire.services.databases import transaction_operations as transactions
from tidewire.services.databases.column_definitions import ColumnDefinition
from tidewire.store.user_tables.loading import find_table
from tidewire.store.user_tables.tables import UserTable


async def test_required_columns_and_defaults(shop: Shop) -> None:
    await shop.table([column("a", "varchar", required=True), column("b", "integer", default=7)])
    assert await refusal(shop.create(b=1)) == "row_invalid_structure"
    assert await refusal(shop.create(a=None)) == "row_invalid_structure"
    assert await refusal(shop.create(a="", c=1)) == "row_invalid_structure"
    assert (await shop.create("r", a="x"))["b"] == 7
    assert await refusal(shop.update("r", a=None)) == "row_invalid_structure"
    assert (await shop.update("r", b=None))["b"] is None
    assert await refusal(shop.update("r")) == "row_missing_payload"
    assert await refusal(shop.create("r", a="x")) == "row_already_exists"
    assert await refusal(shop.update("none", a="x")) == "row_not_found"
    assert await refusal(shop.get("none")) == "row_not_found"
    assert await refusal(shop.delete("none")) == "row_not_found"


async def test_both_families_see_the_same_rows(shop: Shop) -> None:
    await shop.table([column("a", "integer")])
    await shop.create("r", a=1)
    older = shop.call(dialect=COLLECTIONS)
    document = on_the_wire(await row_reading.get_row(older, "d", "t", "r"))
    assert document.pop("$collectionId") == "t"
    assert document["a"] == 1 and "$tableId" not in document
    listed = on_the_wire(await row_reading.list_rows(older, "d", "t"))
    assert listed["total"] == 1 and len(listed["documents"]) == 1
    assert await refusal(row_reading.get_row(older, "d", "t", "none")) == "document_not_found"
    assert await refusal(row_reading.get_row(older, "d", "none", "r")) == "collection_not_found"
    assert await refusal(row_reading.get_row(older, "none", "t", "r")) == "database_not_found"


async def test_no_count_is_lost(shop: Shop) -> None:
    await shop.table([column("n", "integer", max=1000), column("m", "double")])
    await shop.create("r", n=0, m=0)
    call = shop.call()
    await asyncio.gather(
        *(counting.increment_row_column(call, "d", "t", "r", "n") for _ in range(60)),
        *(counting.decrement_row_column(call, "d", "t", "r", "m", 0.5) for _ in range(60)),
        *(shop.update("r", n=operator("increment", 2)) for _ in range(60)),
    )
    row = await shop.get("r")
    assert (row["n"], row["m"]) == (180, -30)
    up, down = counting.increment_row_column, counting.decrement_row_column
    for work, error in (
        (up(call, "d", "t", "r", "n", 5, 184), "column_limit_exceeded"),
        (up(call, "d", "t", "r", "n", 900), "column_limit_exceeded"),
        (down(call, "d", "t", "r", "n", 1, 180), "column_limit_exceeded"),
        (up(call, "d", "t", "r", "n", 0.5), "column_type_invalid"),
        (up(call, "d", "t", "r", "x"), "column_not_found"),
        (up(call, "d", "t", "x", "n"), "row_not_found"),
        (up(call, "d", "t", "r", "n", 0), "general_argument_invalid"),
    ):
        assert await refusal(work) == error
    assert (await shop.get("r"))["n"] == 180


async def test_many_rows_at_once(shop: Shop) -> None:
    await shop.table([column("n", "integer")])
    await shop.fill(*({"$id": f"r{number}", "n": number} for number in range(1200)))
    call = shop.call()
    above = [query("greaterThanEqual", "n", 100)]
    moved = await bulk.update_rows(call, "d", "t", {"n": operator("increment", 1000)}, above)
    assert on_the_wire(moved)["total"] == 1100
    assert (await shop.find(query("greaterThanEqual", "n", 1100)))["total"] == 1100
    limited = await bulk.delete_rows(call, "d", "t", [query("orderDesc", "n"), query("limit", "", 2)])
    assert [row["$id"] for row in on_the_wire(limited)["rows"]] == ["r1199", "r1198"]
    upserted = await bulk.upsert_rows(call, "d", "t", [{"$id": "r0", "n": -1}, {"$id": "new", "n": -2}])
    assert [row["n"] for row in on_the_wire(upserted)["rows"]] == [-1, -2]
    removed = await bulk.delete_rows(call, "d", "t", [query("lessThan", "n", 0)])
    assert on_the_wire(removed)["total"] == 2
    actions = [action for action, _ in await shop.row_events()]
    assert actions == ["create"] * 1200 + ["update"] * 1100 + ["delete"] * 2 + ["upsert"] * 2 + ["delete"] * 2
    user = await shop.world.user("ann")
    for work in (
        bulk.create_rows(shop.call(user), "d", "t", [{}]),
        bulk.upsert_rows(shop.call(user), "d", "t", [{}]),
        bulk.update_rows(shop.call(user), "d", "t", {"n": 1}),
        bulk.delete_rows(shop.call(user), "d", "t"),
    ):
        assert await refusal(work) == "general_unauthorized_scope"


async def test_a_row_looks_its_table_up_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    await shop.table([column("a", "varchar", size=3)])
    await shop.create(a="abc")
    lookups = []

    def counted(*given: Any, **named: Any) -> UserTable | None:
        lookups.append(given)
        return find_table(*given, **named)

    monkeypatch.setattr(records, "find_table", counted)
    await shop.create("r", a="def")
    assert len(lookups) == 1


async def test_rows_are_made_for_the_table_as_it_is_now(shop: Shop) -> None:
    await shop.table([column("a", "varchar", size=3), column("b", "integer")])
    await shop.create(a="abc")
    wider = ColumnDefinition("a", KINDS["varchar"], size=5)
    await columns.update_column(shop.call(), "d", "t", wider, None)
    assert (await shop.create(a="abcde"))["a"] == "abcde"
    required = ColumnDefinition("b", KINDS["integer"], required=True)
    await columns.update_column(shop.call(), "d", "t", required, None)
    assert await refusal(shop.create(a="abc")) == "row_invalid_structure"
    assert await refusal(rows.create_row(shop.call(), "d", "none", "r", {"b": 1})) == "table_not_found"


async def test_selection(shop: Shop) -> None:
    await shop.table([column("a", "integer"), column("b", "integer")])
    await shop.create("r", a=1, b=2)
    """What rows are known by is there whatever is selected: models of typed languages cannot do without."""
    for selected in (["a"], ["a", "$id"]):
        assert own((await shop.find(query("select", "", *selected)))["rows"]) == [{"a": 1}]
    assert own(await shop.get("r", KEY, query("select", "", "b"))) == {"b": 2}
    older = await row_reading.get_row(
        shop.call(dialect=COLLECTIONS), "d", "t", "r", [query("select", "", "b")]
    )
    assert own(on_the_wire(older)) == {"b": 2}
    assert (await shop.find(query("select", "", "*")))["rows"] == [await shop.get("r")]
    assert await refusal(shop.find(query("select", "", "c"))) == "general_query_invalid"
    assert await refusal(shop.get("r", KEY, query("equal", "a", 1))) == "general_query_invalid"


async def test_sealed_columns_are_not_readable_in_the_database(shop: Shop) -> None:
    await shop.table([column("secret", "varchar", size=150, encrypt=True)])
    created = await shop.create("r", secret="attack at dawn")
    assert created["secret"] == (await shop.get("r"))["secret"] == "attack at dawn"
    stored = await shop.world.database.read(
        lambda connection: list(connection.exec_driver_sql("SELECT * FROM t1"))
    )
    assert "dawn" not in str(stored)
    assert await refusal(shop.find(query("equal", "secret", "x"))) == "general_query_invalid"
    assert await refusal(shop.find(query("orderAsc", "secret"))) == "general_query_invalid"


async def test_sealed_columns_are_in_no_file_in_clear(shop: Shop) -> None:
    await shop.table([column("secret", "varchar", size=150, encrypt=True)])
    await shop.create("r", secret="attack at dawn")
    begun = await transactions.create_transaction(shop.call())
    staged = rows.create_row(
        shop.call(), "d", "t", "s", {"secret": "attack at dawn"}, transaction_id=begun.id
    )
    assert on_the_wire(await staged)["secret"] == "attack at dawn"
    files = [path for path in shop.world.directory.rglob("*") if path.is_file()]
    assert [path.name for path in files if b"attack at dawn" in path.read_bytes()] == []
    await transactions.update_transaction(shop.call(), begun.id, commit=True)
    told = [decoded(event)["secret"] for _, event in await shop.row_events()]
    assert told == ["attack at dawn"] * 2
    assert (await shop.get("s"))["secret"] == "attack at dawn"


async def test_events_reach_those_who_may_read(shop: Shop) -> None:
    await shop.table([column("a", "integer")], 'read("team:x")', row_security=True)
    await shop.create("r", a=1, permissions=['read("user:u")'])
    await shop.update("r", a=2)
    await shop.update("r", permissions=['read("user:v")', 'update("any")'])
    await shop.upsert("r", a=3)
    await shop.delete("r")
    events = await shop.row_events()
    assert [action for action, _ in events] == ["create", "update", "update", "upsert", "delete"]
    assert [event.roles for _, event in events] == [
        ["team:x", "user:u"],
        ["team:x", "user:u"],
        *[["team:x", "user:v"]] * 3,
    ]
    first = events[0][1]
    assert first.channels[:8] == [
        "documents",
        "databases.d.collections.t.documents",
        "databases.d.collections.t.documents.r",
        "rows",
        "databases.d.tables.t.rows",
        "databases.d.tables.t.rows.r",
        "tablesdb.d.tables.t.rows",
        "tablesdb.d.tables.t.rows.r",
    ]
    assert len(first.channels) == 16
    assert first.names[0] == "tablesdb.d.tables.t.rows.r.create"
    assert "databases.d.collections.t.documents.r.create" in first.names
    assert list(first.parameters) == ["databaseId", "collectionId", "tableId", "documentId", "rowId"]
    assert decoded(first)["$sequence"] == "1"
    assert [decoded(event)["a"] for _, event in events] == [1, 2, 2, 3, 3]


async def test_queries_are_bounded(shop: Shop) -> None:
    await shop.table([column("a", "integer")])
    nested = query("equal", "a", 1)
    for _ in range(20):
        nested = json.dumps({"method": "or", "values": [json.loads(nested)]})
    wide = json.dumps({"method": "or", "values": [json.loads(query("equal", "a", 1))] * 100})
    for wrong in (
        nested,
        wide,
        query("equal", "a", *range(501)),
        query("equal", "a"),
        query("between", "a", 1),
        query("limit", "", 2**53 + 2),
        query("limit", "", -1),
        query("offset", "", -1),
        query("vectorDot", "a", [1]),
        query("elemMatch", "a"),
        query("exists", "", "a"),
        query("equal", "$permissions", "x"),
        query("equal", "c1", 1),
        query("orderAsc", "sequence"),
        query("search", "a", "x"),
        query("startsWith", "a", "x"),
        query("distanceLessThan", "a", [[0, 0], 1]),
        query("and"),
        "{}",
        "x",
    ):
        assert await refusal(shop.find(wrong)) == "general_query_invalid", wrong


async def test_an_answer_that_is_used_up_leaves_the_kept_list_as_it_is(shop: Shop) -> None:
    await shop.table([column("a", "integer")])
    for number in range(3):
        await shop.create(f"r{number}", a=number)

    async def listed() -> bytes:
        found = await row_reading.list_rows(shop.call(), "d", "t", ttl=60)
        return b"".join(encode_in_pieces(found, 1000, gzip=False))

    first = await listed()
    assert b"r2" in first
    assert [await listed() for _ in range(2)] == [first, first]
