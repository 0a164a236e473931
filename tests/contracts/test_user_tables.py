"""What users' tables promise on every engine: values, unique indexes, words, shapes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.databases.shop import Shop, column, query, refusal
from tests.services.world import on_the_wire
from tidewire.core.columns import KINDS
from tidewire.services.databases import bulk, indexes

GOOD: dict[str, Any] = {
    "string": "text",
    "varchar": "text",
    "text": "é😀",
    "mediumtext": "",
    "longtext": "x" * 70_000,
    "email": "a@example.com",
    "enum": "red",
    "ip": "::1",
    "url": "https://example.com/a?b#c",
    "integer": -5,
    "bigint": 2**63 - 1,
    "float": 1.5,
    "boolean": False,
    "datetime": "2020-10-15T06:38:00.000+00:00",
    "point": [13.4, 52.5],
    "line": [[0, 0], [1, 1]],
    "polygon": [[[0, 0], [1, 0], [1, 1], [0, 0]]],
}


BAD: dict[str, list[Any]] = {
    "string": ["x" * 101, 1, ["a"], "\0", "\ud800"],
    "email": ["a@", "", 1],
    "enum": ["green", ""],
    "ip": ["1.2.3", "localhost", "fe80::1%eth0"],
    "url": ["example", "http://", "http:// a"],
    "integer": ["1", 1.5, True, 2**63, -(2**63) - 1],
    "float": ["1", True, 10**400],
    "boolean": [1, "true", 0],
    "datetime": ["tomorrow", 5, "2020-13-01", "x" * 100],
    "point": [[181, 0], [0], "x", [0, True]],
    "line": [[[0, 0]], [0, 0]],
    "polygon": [[[[0, 0], [1, 0], [1, 1]]], [[[0, 0], [1, 0], [1, 1], [2, 2]]], []],
}


def every_kind() -> list[dict[str, Any]]:
    own: dict[str, dict[str, Any]] = {
        "enum": {"elements": ["red", "blue"], "format": "enum", "type": "string"}
    }
    return [{**column(name, name), **own.get(name, {})} for name in KINDS]


async def test_every_kind_of_column_keeps_its_values(shop: Shop) -> None:
    await shop.table(every_kind())
    created = await shop.create("r", **GOOD)
    assert {key: created[key] for key in GOOD} == GOOD
    assert (await shop.find())["rows"] == [await shop.get("r")] == [created]
    assert set(created) - set(GOOD) == {
        "$id",
        "$sequence",
        "$databaseId",
        "$tableId",
        "$createdAt",
        "$updatedAt",
        "$permissions",
    }
    assert (created["$databaseId"], created["$tableId"], created["$sequence"]) == ("d", "t", "1")
    for kind, values in BAD.items():
        for value in values:
            assert await refusal(shop.create(**dict[str, Any]({kind: value}))) == "row_invalid_structure", (
                kind,
                value,
            )
            assert (
                await refusal(shop.update("r", **dict[str, Any]({kind: value}))) == "row_invalid_structure"
            ), (kind, value)
    assert (await shop.find())["total"] == 1


async def test_arrays_keep_their_values(shop: Shop) -> None:
    plain = [each for each in every_kind() if KINDS[each["key"]].shape is None]
    await shop.table([{**each, "array": True} for each in plain])
    given: dict[str, Any] = {each["key"]: [GOOD[each["key"]]] * 2 for each in plain}
    created = await shop.create("r", **given)
    assert {key: created[key] for key in given} == given
    assert await refusal(shop.create(integer=5)) == "row_invalid_structure"
    assert await refusal(shop.create(integer=["x"])) == "row_invalid_structure"


ODD_TEXTS = [
    "", " ", "\t\r\n", "\x01\x1f\x7f", "NULL", "null", "0", "'", '"', "\\", "\\u0000", "%", "_", "[a]", "?",
    ":v0", "$1", "a", "a ", "A", "\u00e9", "e\u0301", "\u00c9", "\u200b", "\u2028", "\ud7ff", "\ufeff",
    "\ufffd", "\uffff", "\U0010ffff",
]  # fmt: skip
"""Texts that some database, driver or query takes for another one, or for nothing."""
NO_TEXTS = ["\0", "a\0b", "\ud800", "a\udfffb"]
"""NULs and surrogates alone, which not every database can keep."""


@pytest.mark.parametrize("kind", ["varchar", "longtext"])
@pytest.mark.parametrize("indexed", [False, True])
async def test_odd_texts_are_kept_and_told_apart(shop: Shop, kind: str, indexed: bool) -> None:
    unique = [{"key": "u", "type": "unique", "columns": ["text"], "lengths": [100]}] if indexed else []
    await shop.table([column("text", kind), column("list", kind, array=True)], indexes=unique)
    await shop.fill(
        *({"$id": f"r{place}", "text": text, "list": [text]} for place, text in enumerate(ODD_TEXTS)),
        {"$id": "none"},
    )
    for place, text in enumerate(ODD_TEXTS):
        row = await shop.get(f"r{place}")
        assert (row["text"], row["list"]) == (text, [text])
        assert await shop.ids(query("equal", "text", text)) == [row["$id"]], ascii(text)
        assert await shop.ids(query("contains", "list", text)) == [row["$id"]], ascii(text)
    assert await shop.ids(query("isNull", "text")) == ["none"]
    assert len(await shop.ids(query("notEqual", "text", ""), query("limit", "", 100))) == len(ODD_TEXTS) - 1


async def test_texts_that_not_every_database_keeps_are_refused(shop: Shop) -> None:
    kinds = ("string", "varchar", "text", "mediumtext", "longtext")
    await shop.table([*(column(kind, kind) for kind in kinds), column("list", "varchar", array=True)])
    await shop.create("r", varchar="x")
    for text in NO_TEXTS:
        given: list[dict[str, Any]] = [*({kind: text} for kind in kinds), {"list": ["a", text]}]
        for data in given:
            for work in (shop.create(**data), shop.update("r", **data), shop.upsert("r", **data)):
                assert await refusal(work) == "row_invalid_structure", ascii(data)
        for key in ("varchar", "list"):
            wrong = query("contains", key, text)
            assert await refusal(shop.find(wrong)) == "general_query_invalid", ascii(text)
    assert (await shop.find())["total"] == 1


async def test_upserts(shop: Shop) -> None:
    unique = {"key": "u", "type": "unique", "columns": ["a"]}
    await shop.table([column("a", "varchar"), column("b", "integer")], indexes=[unique])
    created = await shop.upsert("1", a="x", b=1)
    await shop.create("2", a="y")
    changed = await shop.upsert("1", a="z")
    assert (changed["a"], changed["b"], changed["$sequence"]) == ("z", 1, created["$sequence"])
    assert await refusal(shop.upsert("1", a="y")) == "row_unique_constraint_violation"
    assert await refusal(shop.upsert("3", a="y")) == "row_unique_constraint_violation"
    assert await refusal(shop.create("1", a="other")) == "row_already_exists"
    assert await shop.get("1") == changed
    assert await shop.ids() == ["1", "2"]


async def test_unique_indexes(shop: Shop) -> None:
    unique = {"key": "u", "type": "unique", "columns": ["a"]}
    await shop.table([column("a", "varchar"), column("b", "integer")], indexes=[unique])
    await shop.create("1", a="x")
    await shop.create("2")
    await shop.create("3")
    assert await refusal(shop.create("4", a="x")) == "row_unique_constraint_violation"
    assert await refusal(shop.update("2", a="x")) == "row_unique_constraint_violation"
    many = bulk.create_rows(shop.call(), "d", "t", [{"$id": "5", "a": "y"}, {"$id": "6", "a": "x"}])
    assert await refusal(many) == "row_unique_constraint_violation"
    assert await refusal(shop.create("1", a="z")) == "row_already_exists"
    assert await shop.ids() == ["1", "2", "3"]
    await shop.delete("1")
    await shop.create("4", a="x")


async def test_unique_indexes_on_equal_values_fail_and_harm_nothing(shop: Shop) -> None:
    await shop.table([column("a", "integer")])
    await shop.fill({"a": 1}, {"a": 1})
    await indexes.create_index(shop.call(), "d", "t", "u", "unique", ["a"])
    index = on_the_wire(await indexes.get_index(shop.call(), "d", "t", "u"))
    assert index["status"] == "failed" and index["error"]
    await shop.create(a=1)
    await indexes.delete_index(shop.call(), "d", "t", "u")
    assert await refusal(indexes.get_index(shop.call(), "d", "t", "u")) == "column_index_not_found"
    told = [
        event.pattern.rpartition(".")[2] for event in await shop.world.events() if "indexes" in event.pattern
    ]
    assert told == ["create", "update", "update", "delete"]


async def test_words_are_found_by_beginnings_and_phrases(shop: Shop) -> None:
    await shop.table(
        [column("text", "text")], indexes=[{"key": "w", "type": "fulltext", "columns": ["text"]}]
    )
    await shop.fill(
        {"$id": "1", "text": "The tide comes in"},
        {"$id": "2", "text": "wires, cables & TIDES"},
        {"$id": "3", "text": "nothing"},
        {"$id": "4", "text": None},
    )
    assert await shop.ids(query("search", "text", "tid")) == ["1", "2"]
    assert await shop.ids(query("search", "text", "nothing cab")) == ["2", "3"]
    assert await shop.ids(query("search", "text", '"tide comes"')) == ["1"]
    assert await shop.ids(query("notSearch", "text", "tide")) == ["3"]
    for strange in ('"', 'a"b OR c5:*', "*", "NEAR(a b)", "-- '", "   "):
        await shop.ids(query("search", "text", strange))
    await shop.update("3", text="a low tide")
    await shop.delete("1")
    assert await shop.ids(query("search", "text", "tide")) == ["2", "3"]


async def test_shapes_are_found_by_place(shop: Shop) -> None:
    spatial = [{"key": "s", "type": "spatial", "columns": ["at"]}]
    for indexed in ([], spatial):
        await shop.table([column("at", "point"), column("area", "polygon")], indexes=indexed)
        await shop.fill(
            {
                "$id": "berlin",
                "at": [13.4, 52.5],
                "area": [[[13, 52], [14, 52], [14, 53], [13, 53], [13, 52]]],
            },
            {"$id": "paris", "at": [2.35, 48.85]},
            {"$id": "nowhere"},
            {"$id": "dateline", "at": [179.9, 0]},
        )
        near = [[13.0, 52.4], 40_000, True]
        assert await shop.ids(query("distanceLessThan", "at", near)) == ["berlin"]
        assert await shop.ids(query("distanceLessThan", "at", [[-179.9, 0], 30_000, True])) == ["dateline"]
        assert await shop.ids(query("distanceGreaterThan", "at", near)) == ["paris", "dateline"]
        assert await shop.ids(query("equal", "at", [2.35, 48.85])) == ["paris"]
        europe = [[[0, 40], [20, 40], [20, 60], [0, 60], [0, 40]]]
        assert await shop.ids(query("intersects", "at", europe)) == ["berlin", "paris"]
        assert await shop.ids(query("notIntersects", "at", europe)) == ["dateline"]
        assert await shop.ids(query("contains", "area", [13.5, 52.5])) == ["berlin"]
        await shop.update("berlin", at=[100, 10])
        assert await shop.ids(query("intersects", "at", europe)) == ["paris"]
        bow_tie = [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]
        await shop.ids(query("overlaps", "area", bow_tie))
        for wrong in ([181, 0], "x", [], [[1]], [1, 2, 3], {"type": "Point"}):
            assert await refusal(shop.find(query("intersects", "at", wrong))) == "general_query_invalid"
        await shop.drop()
