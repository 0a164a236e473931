"""Lists of rows on every engine: what is found, in which order, and in which pages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.conftest import OpenWorld
from tests.contracts.row_oracle import matches, ordered
from tests.services.databases.shop import Shop, column, own, query, refusal
from tests.services.world import World

Json = dict[str, Any]

TEXTS = st.text(st.sampled_from("abABsSß%_'\"\\éÉ😀\U0010ffff\ud7ff "), max_size=5)
INTEGERS = st.integers(-3, 3) | st.sampled_from([2**63 - 1, -(2**63)])
FLOATS = st.sampled_from([-1.5, 0.0, 1.0, 2.5, 1e300])
BOOLEANS = st.booleans()
TIMES = st.sampled_from(
    ["2020-01-01T00:00:00.000+00:00", "2021-06-01T12:30:00.500+00:00", "1960-01-01T00:00:00.000+00:00"]
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "integer": INTEGERS,
    "float": FLOATS,
    "boolean": BOOLEANS,
    "datetime": TIMES,
}
TYPES = {
    "text": "varchar",
    "integer": "integer",
    "float": "double",
    "boolean": "boolean",
    "datetime": "datetime",
}
ORDERED = ["lessThan", "lessThanEqual", "greaterThan", "greaterThanEqual"]
TEXTUAL = ["startsWith", "endsWith", "notStartsWith", "notEndsWith"]
SETS = ["contains", "containsAny", "containsAll", "notContains"]

columns = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.tuples(st.sampled_from(list(VALUES)), st.booleans(), st.booleans()),
    min_size=1,
)
"""Key to kind, whether it is an array, whether it has an index."""


def values_of(kind: str, array: bool) -> st.SearchStrategy[Any]:
    value = VALUES[kind]
    return st.none() | (st.lists(value, max_size=3) if array else value)


def rows_of(schema: dict[str, tuple[str, bool, bool]]) -> st.SearchStrategy[list[Json]]:
    row = st.fixed_dictionaries({key: values_of(kind, array) for key, (kind, array, _) in schema.items()})
    return st.lists(row, max_size=12)


@st.composite
def filters(draw: st.DrawFn, schema: dict[str, tuple[str, bool, bool]], depth: int = 2) -> Json:
    if depth and draw(st.integers(0, 3)) == 0:
        parts = draw(st.lists(filters(schema, depth - 1), min_size=1, max_size=3))
        return {"method": draw(st.sampled_from(["and", "or"])), "values": parts}
    key = draw(st.sampled_from(sorted(schema)))
    kind, array, _ = schema[key]
    value = VALUES[kind]
    if array:
        methods = ["isNull", "isNotNull", *SETS]
    else:
        methods = ["isNull", "isNotNull", "equal", "notEqual"]
        methods += [*ORDERED, "between", "notBetween"] if kind != "boolean" else []
        methods += TEXTUAL + SETS if kind == "text" else []
    method = draw(st.sampled_from(methods))
    if method in {"isNull", "isNotNull"}:
        values = []
    elif method in {"between", "notBetween"}:
        values = sorted([draw(value), draw(value)])
    elif method in {"equal", "notEqual", *SETS}:
        values = draw(st.lists(value, min_size=1, max_size=3))
    else:
        values = [draw(value)]
    return {"method": method, "attribute": key, "values": values}


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, tuple[str, bool, bool]], list[Json], list[Any]]:
    schema = draw(columns)
    orderable = [key for key, (_, array, _) in schema.items() if not array]
    keys = draw(st.lists(st.sampled_from(orderable), unique=True, max_size=2)) if orderable else []
    orders = [(key, draw(st.booleans())) for key in keys]
    lists = st.tuples(st.lists(filters(schema), max_size=3), st.just(orders), st.integers(1, 5))
    return schema, draw(rows_of(schema)), draw(st.lists(lists, min_size=1, max_size=4))


async def check(world: World, case: Any) -> None:
    schema, data, lists = case
    try:
        shop = await Shop.open(world)
        described = [
            column(key, TYPES.get(kind, kind), array=array) for key, (kind, array, _) in schema.items()
        ]
        indexed = [
            {"key": f"i_{key}", "type": "key", "columns": [key]}
            for key, (_, array, wanted) in schema.items()
            if wanted and not array
        ]
        await shop.table(described, indexes=indexed)
        await shop.fill(*data)
        stored = (await shop.find(query("limit", "", 100)))["rows"]
        assert [{key: row[key] for key in schema} for row in stored] == data
        for wanted, orders, size in lists:
            await check_list(shop, stored, wanted, orders, size)
    finally:
        await world.close()


async def check_list(
    shop: Shop, stored: list[Json], wanted: list[Json], orders: list[tuple[str, bool]], size: int
) -> None:
    expected = ordered([row for row in stored if all(matches(row, each) for each in wanted)], orders)
    queries = [json.dumps(each) for each in wanted]
    queries += [query("orderDesc" if descending else "orderAsc", key) for key, descending in orders]
    whole = await shop.find(*queries, query("limit", "", 100))
    assert whole["total"] == len(expected)
    assert whole["rows"] == expected
    paged: list[Json] = []
    while True:
        cursor = [query("cursorAfter", "", paged[-1]["$id"])] if paged else []
        page = (await shop.find(*queries, *cursor, query("limit", "", size), total=False))["rows"]
        paged += page
        if len(page) < size:
            assert paged == expected
            break
    if paged:
        before = [query("cursorBefore", "", paged[-1]["$id"]), query("limit", "", size)]
        backward = (await shop.find(*queries, *before))["rows"]
        place = expected.index(paged[-1])
        assert backward == expected[max(0, place - size) : place]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases())
async def test_lists_mean_what_the_oracle_says(
    open_world: OpenWorld, tmp_path_factory: Any, case: Any
) -> None:
    await check(await open_world(tmp_path_factory.mktemp("queries")), case)


TEXTS_IN_ORDER = [
    "", " ", "0", "A", "Z", "_", "a", "a ", "aA", "a\u00e9", "b", "e\u0301", "\u00c9", "\u00e9", "\ud7ff",
    "\ufeff", "\uffff", "\U00010000", "\U0001f600",
]  # fmt: skip
"""Their code points decide, not the rules of a language or the pairs of UTF-16."""


@pytest.mark.parametrize("indexed", [False, True])
async def test_texts_are_ordered_by_code_points_and_null_comes_first(shop: Shop, indexed: bool) -> None:
    by_text = [{"key": "i", "type": "key", "columns": ["text"]}] if indexed else []
    await shop.table([column("text", "varchar")], indexes=by_text)
    texts = [None, None, *TEXTS_IN_ORDER]
    await shop.fill(*({"$id": f"r{place}", "text": texts[place]} for place in range(len(texts) - 1, -1, -1)))
    ascending = [f"r{place}" for place in range(len(texts))]
    ascending[:2] = ["r1", "r0"]  # equal ones by their creation
    descending = ascending[::-1]
    for order, expected in (("orderAsc", ascending), ("orderDesc", descending)):
        assert await shop.ids(query(order, "text"), query("limit", "", 100)) == expected
        for place, row_id in enumerate(expected):
            page = [query(order, "text"), query("limit", "", 3)]
            assert await shop.ids(*page, query("cursorAfter", "", row_id)) == expected[place + 1 : place + 4]
            before = expected[max(0, place - 3) : place]
            assert await shop.ids(*page, query("cursorBefore", "", row_id)) == before
    for place, text in enumerate(TEXTS_IN_ORDER):
        greater = await shop.ids(query("greaterThan", "text", text), query("limit", "", 100))
        assert sorted(greater) == sorted(ascending[place + 3 :])


async def test_as_much_as_queries_may_ask(shop: Shop) -> None:
    """Databases take no deep expressions: no query must come to that."""
    await shop.table([column("a", "varchar"), column("b", "varchar", array=True), column("f", "double")])
    every = [str(number) for number in range(500)]
    await shop.fill({"$id": "r", "a": "".join(every)[:100], "b": every, "f": 0.5})
    for method, key in (("containsAll", "b"), ("contains", "a"), ("notEqual", "a")):
        assert await shop.ids(*[query(method, key, *every)] * 99) == ["r"], method
    nested = {"method": "or", "values": [json.loads(query("contains", "a", *every))] * 98}
    assert await shop.ids(json.dumps(nested)) == ["r"]
    halves = query("equal", "f", *(number + 0.5 for number in range(500)))
    assert await shop.ids(*[halves] * 5) == ["r"]
    # Each of these would be a condition of its own.
    assert await refusal(shop.find(*[halves] * 6)) == "general_query_invalid"
    assert await refusal(shop.find(query("equal", "a", *every, "x"))) == "general_query_invalid"


async def test_regular_expressions_cannot_take_long(shop: Shop) -> None:
    await shop.table([column("text", "text")])
    await shop.fill({"$id": "1", "text": "a" * 30_000}, {"$id": "2", "text": "b7"})
    assert await shop.ids(query("regex", "text", "^[a-z][0-9]$")) == ["2"]
    assert await shop.ids(query("regex", "text", "(a+)+$x")) == []
    assert await refusal(shop.find(query("regex", "text", "("))) == "general_query_invalid"


async def test_keys_of_columns_may_have_periods(shop: Shop) -> None:
    await shop.table([column("a.b", "integer"), column("a", "integer")])
    await shop.fill({"$id": "r", "a.b": 1, "a": 2})
    found = await shop.find(query("select", "", "a.b"), query("equal", "a.b", 1), query("orderAsc", "a.b"))
    assert own(found["rows"]) == [{"a.b": 1}]
