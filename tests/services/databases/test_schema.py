"""Tables, columns and indexes: made, changed and dropped while rows are there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.services.databases.shop import COLLECTIONS, TABLES, Json, Shop, column, operator, query, refusal
from tests.services.world import World, on_the_wire
from tidewire.core.columns import KINDS
from tidewire.services.databases import columns, databases, indexes, tables
from tidewire.services.databases.column_definitions import ColumnDefinition
from tidewire.services.databases.schema_changes import finish_changes, resume_changes
from tidewire.store.engine.database import Database
from tidewire.store.user_tables import steps


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables count as large from a few rows on."""
    monkeypatch.setattr(steps, "SMALL_TABLE", 20)
    monkeypatch.setattr(steps, "STEP_ROWS", 50)


async def settle(shop: Shop) -> None:
    """Do all that takes long, together with those who are at it."""
    world = shop.world
    await finish_changes(world.project, world.database)


async def add(shop: Shop, key: str, kind: str, **given: Any) -> dict[str, Any]:
    definition = ColumnDefinition(key, KINDS[kind], size=100 if kind == "varchar" else 0, **given)
    return on_the_wire(await columns.create_column(shop.call(), "d", "t", definition))


async def status(shop: Shop, key: str) -> str:
    shown = on_the_wire(await columns.get_column(shop.call(), "d", "t", key))
    return str(shown["status"])


async def test_a_new_column_with_a_default_reaches_all_rows(shop: Shop, small_steps: None) -> None:
    await shop.table([column("a", "integer")])
    await shop.fill(*({"a": number} for number in range(500)))
    created = await add(shop, "b", "integer", default=7)
    assert created["status"] == "processing"
    await shop.fill({"$id": "meanwhile", "a": -1})
    await settle(shop)
    assert (await shop.find(query("equal", "b", 7)))["total"] == 501
    assert await status(shop, "b") == "available"


async def test_changes_survive_the_end_of_the_program(tmp_path: Path, small_steps: None) -> None:
    world = await World.open(tmp_path)
    shop = await Shop.open(world)
    await shop.table([column("a", "integer"), column("s", "text"), column("p", "point"), column("x", "text")])
    rows = [{"$id": f"r{number}", "a": number, "s": f"word{number}", "p": [1, 1]} for number in range(300)]
    await shop.fill(*rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "run_beside", lambda _, work: work.close())
        await add(shop, "b", "varchar", default="d")
        await columns.delete_column(shop.call(), "d", "t", "x")
        for key, kind, keys in (
            ("k", "key", ["a"]),
            ("w", "fulltext", ["s"]),
            ("g", "spatial", ["p"]),
            ("u", "unique", ["s"]),
        ):
            lengths = [100] if key == "u" else []
            await indexes.create_index(shop.call(), "d", "t", key, kind, keys, lengths=lengths)
    await world.close()
    world = await World.open(tmp_path)
    shop = Shop(world)
    assert await status(shop, "b") == "processing"
    await shop.update("r7", s="changed meanwhile", a=-7)
    await shop.delete("r8")
    await resume_changes(world.instance)
    assert (await shop.find(query("equal", "b", "d"), query("limit", "", 1)))["total"] == 299
    assert await shop.ids(query("search", "s", "word200")) == ["r200"]
    assert await shop.ids(query("search", "s", "meanwhile")) == ["r7"]
    assert await shop.ids(query("search", "s", "word7")) == [f"r7{n}" for n in range(10)]
    assert (await shop.find(query("distanceLessThan", "p", [[1, 1], 5])))["total"] == 299
    listed = on_the_wire(await indexes.list_indexes(shop.call(), "d", "t"))
    assert {each["status"] for each in listed["indexes"]} == {"available"}
    assert await refusal(columns.get_column(shop.call(), "d", "t", "x")) == "column_not_found"
    await world.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "_", "type": "integer"},
        {"key": "a"},
        {"key": "a", "type": ["integer"]},
        {"key": "a", "type": "string", "format": {"email": 1}},
        {"key": "a", "type": "string", "format": "none"},
        {"key": "a", "type": "varchar", "size": True},
        {"key": "a", "type": "integer", "required": "yes"},
        {"key": "a", "type": "integer", "min": "many"},
        {"key": "a", "type": "enum", "elements": [1]},
        {"key": "a", "type": "point", "array": True},
    ],
)
async def test_columns_that_make_no_sense(shop: Shop, wrong: Json) -> None:
    assert await refusal(shop.table([wrong])) == "general_argument_invalid"


async def test_indexes_that_make_no_sense(shop: Shop) -> None:
    await shop.table(
        [
            column("a", "integer"),
            column("l", "integer", array=True),
            column("p", "point"),
            column("s", "text"),
        ]
    )
    for kind, keys, error in (
        ("key", ["none"], "column_unknown"),
        ("key", ["l"], "column_index_invalid"),
        ("key", ["p"], "column_index_invalid"),
        ("fulltext", ["a"], "column_index_invalid"),
        ("spatial", ["a"], "column_index_invalid"),
        ("key", [], "column_index_invalid"),
        ("key", ["a", "a"], "column_index_invalid"),
    ):
        assert await refusal(indexes.create_index(shop.call(), "d", "t", "i", kind, keys)) == error
    older = shop.call(dialect=COLLECTIONS)
    assert await refusal(indexes.create_index(older, "d", "t", "i", "key", ["none"])) == "attribute_unknown"
    assert await refusal(indexes.create_index(older, "d", "t", "i", "key", ["l"])) == "index_invalid"
    await indexes.create_index(shop.call(), "d", "t", "i", "key", ["a", "$createdAt"], ["desc"])
    again = indexes.create_index(shop.call(), "d", "t", "i", "key", ["a"])
    assert await refusal(again) == "column_index_already_exists"
    # What is wrong with an index is told before its key is looked at.
    for keys in ([], ["p"], ["a", "A"], ["$id", "$ID"]):
        wrong = indexes.create_index(shop.call(), "d", "t", "i", "key", keys)
        assert await refusal(wrong) == "column_index_invalid"


_INVALID = "column_index_invalid"


@pytest.mark.parametrize(
    ("keys", "lengths", "expected"),
    [
        (["long"], [], ""),
        (["long", "n"], [], _INVALID),
        (["long", "n"], [1023], ""),
        (["long", "n", "f"], [1021], ""),
        (["long", "n", "f"], [1022], _INVALID),
        (["text"], [], _INVALID),
        (["text"], [1024], ""),
        (["short", "text"], [0, 924], ""),
        (["short", "text"], [0, 925], _INVALID),
        (["short"], [100], ""),
        (["short"], [101], _INVALID),
        (["short"], [-1], _INVALID),
        (["n"], [1], _INVALID),
        (["$createdAt"], [1], _INVALID),
        (["$id", "$sequence"], [36], ""),
        (["$id"], [37], _INVALID),
        (["url"], [], _INVALID),
        (["url"], [500], ""),
    ],
)
async def test_indexes_have_a_greatest_length(
    shop: Shop, keys: list[str], lengths: list[int], expected: str
) -> None:
    short, long = column("short", "varchar"), column("long", "string", size=1024)
    described = [short, long, column("text", "text"), column("n", "integer"), column("f", "float")]
    await shop.table([*described, column("url", "url")])
    for kind in ("key", "unique"):
        work = indexes.create_index(shop.call(), "d", "t", kind, kind, keys, lengths=lengths)
        assert await refusal(work) == expected
    for dialect, given in ((TABLES, "columns"), (COLLECTIONS, "attributes")):
        inline = [{"key": "i", "type": "key", given: keys, "lengths": lengths}]
        table = tables.create_table(
            shop.call(dialect=dialect),
            "d",
            dialect.service,
            "T",
            columns=[*described, column("url", "url")],
            indexes=inline,
        )
        assert await refusal(table) == (dialect.word(expected) if dialect is TABLES else expected[7:])


async def test_words_are_found_in_texts_of_any_length(shop: Shop) -> None:
    await shop.table([column("text", "text"), column("n", "integer")])
    await indexes.create_index(shop.call(), "d", "t", "i", "fulltext", ["text"])
    await indexes.create_index(shop.call(), "d", "t", "l", "fulltext", ["text"], lengths=[5000])


async def test_the_greatest_length_can_be_set(shop: Shop) -> None:
    await shop.table([column("short", "varchar")])
    settings = msgspec.structs.replace(shop.world.settings, index_length_max=99)
    shop.world = replace(shop.world, settings=settings)
    for lengths, expected in (([], _INVALID), ([99], "")):
        work = indexes.create_index(shop.call(), "d", "t", "i", "key", ["short"], lengths=lengths)
        assert await refusal(work) == expected


async def test_a_column_in_an_index_cannot_outgrow_it(shop: Shop) -> None:
    described = [column("a", "varchar", size=500), column("b", "varchar", size=500)]
    both = {"key": "both", "type": "key", "columns": ["a", "b"], "lengths": [0, 100]}
    words = {"key": "words", "type": "fulltext", "columns": ["a"]}
    await shop.table(described, indexes=[both, words])

    def resize(key: str, size: int) -> Any:
        definition = ColumnDefinition(key, KINDS["varchar"], size=size)
        return columns.update_column(shop.call(), "d", "t", definition, None)

    assert await refusal(resize("a", 924)) == ""
    assert await refusal(resize("a", 925)) == _INVALID
    assert await refusal(resize("b", 5000)) == ""
    assert await refusal(resize("b", 99)) == _INVALID
    shown = on_the_wire(await columns.get_column(shop.call(), "d", "t", "a"))
    assert shown["size"] == 924


async def test_a_sealed_value_needs_room(shop: Shop) -> None:
    for kind in ("string", "varchar"):
        small = column("a", kind, size=149, encrypt=True)
        assert await refusal(shop.table([small])) == "general_bad_request"
        await shop.table([column("a", kind, size=150, encrypt=True), column("b", "text", encrypt=True)])
        for size, expected in ((149, "general_bad_request"), (150, "")):
            definition = ColumnDefinition("c", KINDS[kind], size=size, options={"encrypt": True})
            assert await refusal(columns.create_column(shop.call(), "d", "t", definition)) == expected
            resized = ColumnDefinition("a", KINDS[kind], size=size)
            assert await refusal(columns.update_column(shop.call(), "d", "t", resized, None)) == expected
        await shop.drop()


async def test_what_is_created_is_processing_at_first(shop: Shop) -> None:
    await shop.table([column("a", "integer")])
    assert (await add(shop, "b", "varchar"))["status"] == "processing"
    assert (await add(shop, "c", "integer", default=1))["status"] == "processing"
    index = on_the_wire(await indexes.create_index(shop.call(), "d", "t", "i", "key", ["a"]))
    assert index["status"] == "processing"
    assert await status(shop, "b") == await status(shop, "c") == "available"
    index = on_the_wire(await indexes.get_index(shop.call(), "d", "t", "i"))
    assert index["status"] == "available"


async def test_columns_change_their_rules_and_keys(shop: Shop) -> None:
    await shop.table([column("s", "varchar")], indexes=[{"key": "i", "type": "key", "columns": ["s"]}])
    await shop.create("r", s="x" * 50)

    def change(new_key: str | None = None, kind: str = "varchar", **given: Any) -> Any:
        definition = ColumnDefinition("s", KINDS[kind], **given)
        return columns.update_column(shop.call(), "d", "t", definition, new_key)

    assert await refusal(change(size=49)) == "column_invalid_resize"
    assert await refusal(change(kind="text")) == "column_type_invalid"
    assert await refusal(change(required=True, default="x")) == "column_default_unsupported"
    assert on_the_wire(await change(size=50, default="d"))["size"] == 50
    assert await refusal(shop.create(s="x" * 51)) == "row_invalid_structure"
    assert (await shop.create("e"))["s"] == "d"
    assert on_the_wire(await change("renamed", required=True))["key"] == "renamed"
    assert (await shop.get("r"))["renamed"] == "x" * 50
    assert await shop.ids(query("equal", "renamed", "d")) == ["e"]
    index = on_the_wire(await indexes.get_index(shop.call(), "d", "t", "i"))
    assert index["columns"] == ["renamed"]
    assert await refusal(add(shop, "renamed", "integer")) == "column_already_exists"


async def test_a_column_can_be_made_anew(shop: Shop, small_steps: None) -> None:
    await shop.table([column("a", "integer"), column("b", "varchar")])
    await shop.fill(*({"a": number, "b": "secret"} for number in range(120)))
    await columns.delete_column(shop.call(), "d", "t", "b")
    assert "b" not in (await shop.find(query("limit", "", 1)))["rows"][0]
    assert await refusal(shop.create(b="x")) == "row_invalid_structure"
    await settle(shop)
    stored = await shop.world.database.read(
        lambda connection: list(connection.exec_driver_sql("SELECT * FROM t1"))
    )
    assert "secret" not in str(stored)
    await add(shop, "b", "integer")
    assert await shop.ids(query("isNotNull", "b")) == []


async def test_dropped_tables_leave_nothing(shop: Shop, small_steps: None) -> None:
    words = {"key": "w", "type": "fulltext", "columns": ["s"]}
    await shop.table([column("s", "text")], 'create("any")', indexes=[words])
    await shop.fill(*({"s": "x", "$permissions": ['read("any")']} for _ in range(200)))
    await shop.drop()
    assert await refusal(shop.find()) == "table_not_found"
    await shop.table([column("s", "text")])
    assert await shop.ids() == []
    await databases.delete_database(shop.call(), "d")
    assert await refusal(shop.find()) == "database_not_found"

    def left(connection: Any) -> list[str]:
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name GLOB 't[0-9]*'")
        return [name for (name,) in names]

    await settle(shop)
    assert await shop.world.database.read(left) == []


async def test_names_in_sql_are_never_those_of_users(shop: Shop) -> None:
    await shop.table([column("Robert", "integer")], table_id="Students.-_")
    evil = ["a; DROP TABLE users", 'a"b', "a b", "$id", "", "x" * 37, "-a"]
    for key in evil:
        work = tables.create_table(shop.call(), "d", "e", "E", columns=[column(key, "integer")])
        assert await refusal(work) == "general_argument_invalid"

    def names(connection: Any) -> str:
        return str(list(connection.exec_driver_sql("SELECT name, sql FROM sqlite_master")))

    assert "Robert" not in await shop.world.database.read(names)
    assert "Students" not in await shop.world.database.read(names)


async def test_writers_never_notice_schema_changes(shop: Shop, small_steps: None) -> None:
    await shop.table([column("n", "integer")])
    await shop.fill(*({"$id": f"r{number}", "n": 0} for number in range(100)))

    async def count() -> None:
        for number in range(100):
            await shop.update(f"r{number}", n=operator("increment", 1))

    async def change() -> None:
        for number in range(5):
            await add(shop, f"c{number}", "integer", default=number)
            await indexes.create_index(shop.call(), "d", "t", f"i{number}", "key", ["n"])
            await indexes.delete_index(shop.call(), "d", "t", f"i{number}")
            await columns.delete_column(shop.call(), "d", "t", f"c{number}")

    await asyncio.gather(count(), count(), change())
    await settle(shop)
    assert (await shop.find(query("equal", "n", 2), query("limit", "", 1)))["total"] == 100


async def test_arrays_are_resized_by_their_elements(shop: Shop) -> None:
    await shop.table([column("l", "varchar", array=True)])
    await shop.create("r", l=["abc", "d"])
    for size, expected in ((3, ""), (2, "column_invalid_resize")):
        definition = ColumnDefinition("l", KINDS["varchar"], size=size)
        assert await refusal(columns.update_column(shop.call(), "d", "t", definition, None)) == expected


async def test_an_enum_needs_elements(shop: Shop) -> None:
    await shop.table([column("e", "enum", elements=["a"])])
    empty = ColumnDefinition("e", KINDS["enum"], options={"elements": []})
    assert await refusal(columns.update_column(shop.call(), "d", "t", empty, None)) == "column_value_invalid"
    other = ColumnDefinition("f", KINDS["enum"], options={"elements": []})
    assert await refusal(columns.create_column(shop.call(), "d", "t", other)) == "column_value_invalid"
