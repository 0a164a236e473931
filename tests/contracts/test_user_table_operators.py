"""Operators: values changed by what they are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.databases.shop import Shop, column, operator, refusal
from tests.services.world import on_the_wire
from tidewire.services.databases import counting

OPERATORS: list[tuple[str, Any, str, Any]] = [
    ("i", 5, operator("increment"), 6),
    ("i", None, operator("increment", 2), 2),
    ("i", 5, operator("increment", 10, 8), 8),
    ("i", 5, operator("decrement", 10, 0), 0),
    ("i", 5, operator("multiply", 3), 15),
    ("i", 7, operator("divide", 2), 3),
    ("i", 7, operator("modulo", 4), 3),
    ("i", 2, operator("power", 10), 1024),
    ("i", 3, operator("power", 35), 3**35),
    ("i", 2, operator("power", 100, 9), 9),
    ("i", 2**60 + 1, operator("modulo", 10), (2**60 + 1) % 10),
    ("i", 2**53 + 1, operator("increment", 1.0), 2**53 + 2),
    ("f", 5, operator("divide", 2), 2.5),
    ("f", 5.5, operator("modulo", 2), 1.5),
    ("f", 2, operator("power", 0.5, 1.25), 1.25),
    ("s", "tide", operator("stringConcat", "wire"), "tidewire"),
    ("s", None, operator("stringConcat", "x"), "x"),
    ("s", "a-b-c", operator("stringReplace", "-", "+"), "a+b+c"),
    ("b", True, operator("toggle"), False),
    ("b", None, operator("toggle"), True),
    ("d", "2020-02-28T00:00:00Z", operator("dateAddDays", 2), "2020-03-01T00:00:00.000+00:00"),
    ("d", "2020-03-01T00:00:00Z", operator("dateSubDays", 1), "2020-02-29T00:00:00.000+00:00"),
    ("l", ["a"], operator("arrayAppend", "b", "c"), ["a", "b", "c"]),
    ("l", None, operator("arrayAppend", "b"), ["b"]),
    ("l", ["a"], operator("arrayPrepend", "b"), ["b", "a"]),
    ("l", ["a", "c"], operator("arrayInsert", 1, "b"), ["a", "b", "c"]),
    ("l", ["a", "b", "a"], operator("arrayRemove", "a"), ["b"]),
    ("l", ["a", "b", "a"], operator("arrayUnique"), ["a", "b"]),
    ("l", ["a", "b"], operator("arrayIntersect", "b", "c"), ["b"]),
    ("l", ["a", "b"], operator("arrayDiff", "b"), ["a"]),
    ("n", [1, 5, 9], operator("arrayFilter", "greaterThan", 4), [5, 9]),
    ("n", [1, 5, 9], operator("arrayFilter", "notEqual", 5), [1, 9]),
]
OPERATED = [
    column("i", "integer"),
    column("f", "double"),
    column("s", "varchar"),
    column("b", "boolean"),
    column("d", "datetime"),
    column("l", "varchar", array=True),
    column("n", "integer", array=True),
]


async def test_operators(shop: Shop) -> None:
    await shop.table(OPERATED)
    for number, (key, before, change, after) in enumerate(OPERATORS):
        await shop.create(f"r{number}", **dict[str, Any]({key: before}))
        assert (await shop.update(f"r{number}", **dict[str, Any]({key: change})))[key] == after, change
        assert (await shop.get(f"r{number}"))[key] == after
    assert (await shop.update("r0", d=operator("dateSetNow")))["d"] >= "2026"
    assert (await shop.upsert("new", i=operator("increment", 3), s="x"))["i"] == 3
    assert (await shop.upsert("new", i=operator("increment", 3)))["i"] == 6


@pytest.mark.parametrize(
    ("key", "before", "change"),
    [
        ("i", 2**63 - 1, operator("increment", 1)),
        ("i", 2**62, operator("multiply", 2)),
        ("i", -(2**63), operator("decrement", 1)),
        ("i", 0, operator("power", -1)),
        ("f", -8, operator("power", 1 / 3)),
        ("i", 10, operator("power", 300)),
        ("f", 1e300, operator("multiply", 1e300)),
        ("s", "x" * 100, operator("stringConcat", "y")),
        ("d", "9999-12-31T00:00:00Z", operator("dateAddDays", 1)),
        ("i", 1, operator("divide", 0)),
        ("i", 1, operator("modulo", 0)),
        ("i", 1, operator("increment", "x")),
        ("i", 1, operator("toggle")),
        ("l", ["a"], operator("arrayAppend", 5)),
        ("l", ["a"], operator("arrayInsert", -1, "x")),
        ("n", [1], operator("arrayFilter", "regex", 1)),
        ("s", "x", operator("stringReplace", "", "y")),
    ],
)
async def test_operators_that_do_not_fit_change_nothing(
    shop: Shop, key: str, before: Any, change: str
) -> None:
    await shop.table(OPERATED)
    created = await shop.create("r", **dict[str, Any]({key: before}))
    assert await refusal(shop.update("r", **dict[str, Any]({key: change}))) == "row_invalid_structure"
    assert await shop.get("r") == created


async def test_an_operator_makes_no_text_that_fills_the_memory(shop: Shop) -> None:
    await shop.table([column("s", "longtext"), column("l", "longtext", array=True)])
    created = await shop.create("r", s="a" * 2**20, l=["x" * 2**23])
    changes: list[dict[str, Any]] = [
        {"s": operator("stringReplace", "a", "b" * 2**15)},
        {"s": operator("stringConcat", "b" * 2**24)},
        {"l": operator("arrayAppend", "y" * 2**23)},
    ]
    for change in changes:
        assert await refusal(shop.update("r", **change)) == "row_invalid_structure"
    assert await shop.get("r") == created


async def test_counting_meets_a_unique_index(shop: Shop) -> None:
    await shop.table([column("i", "integer")], indexes=[{"key": "u", "type": "unique", "columns": ["i"]}])
    await shop.fill({"$id": "a", "i": 1}, {"$id": "b", "i": 2})
    counted = counting.increment_row_column(shop.call(), "d", "t", "a", "i")
    assert await refusal(counted) == "row_unique_constraint_violation"


async def test_counting_is_exact(shop: Shop) -> None:
    await shop.table([column("i", "integer")])
    await shop.create("r", i=2**53 + 1)
    counted = await counting.increment_row_column(shop.call(), "d", "t", "r", "i", 1.0)
    assert on_the_wire(counted)["i"] == 2**53 + 2
