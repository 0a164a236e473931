"""List queries, against a naive evaluation of the same queries in Python."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import JSON, Boolean, Column, Integer, MetaData, String, Table, insert, select, text, update

from tests.store.samples import add_bucket, add_file
from tidewire.core.errors import TidewireError
from tidewire.core.time import format_datetime
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.sqlite.connections import connect
from tidewire.store.lists.resource_lists import MAX_TOTAL, ListDefinition, list_rows
from tidewire.store.records.grants import readable, write_grants
from tidewire.store.schema import files, project_metadata

Item = dict[str, Any]

table = Table(
    "items",
    MetaData(),
    Column("sequence", Integer, primary_key=True),
    Column("id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("note", String, nullable=True),
    Column("size", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("tags", JSON, nullable=False),
)
LIST = ListDefinition(
    table,
    table.c.id,
    {
        "name": table.c.name,
        "note": table.c.note,
        "size": table.c.size,
        "enabled": table.c.enabled,
        "tags": table.c.tags,
        "$id": table.c.id,
        "$createdAt": table.c.created_at,
        "$sequence": table.c.sequence,
    },
)
WORDS = [
    "",
    "a",
    "A",
    "b%",
    "_",
    "ab",
    "aB",
    "ba",
    "a b",
    "\\",
    "/",
    "é",
    "É",
    "Иван",
    "ivan",
    "STRASSE",
    "*",
    "[a]",
    "ab%ba",
    "\U0001f600a",
]
TAGS = ["a", "A", "ab", "b", "owner", "team-1.x_y"]


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    opened = connect(Path(":memory:"), "shop", "full")
    table.metadata.create_all(opened)
    opened.execute(insert(table), ITEMS)
    yield opened
    opened.close()


def make_items() -> list[Item]:
    source = random.Random(7)
    return [
        {
            "sequence": number,
            "id": f"i{number}",
            "name": source.choice(WORDS),
            "note": source.choice([None, *WORDS]),
            "size": source.randint(-3, 3),
            "enabled": source.random() < 0.5,
            "created_at": source.randint(0, 5) * 1000,
            "tags": source.sample(TAGS, source.randint(0, 3)),
        }
        for number in range(1, 41)
    ]


ITEMS = make_items()


def attribute(item: Item, name: str) -> Any:
    return item[str(LIST.attributes[name].name)]


def found(value: str, wanted: str) -> bool:
    wanted = wanted.replace("İ", "i").casefold()
    return all(word in value.casefold() for word in wanted.split())


def holds_any(value: Any, given: list[str]) -> bool:
    if isinstance(value, list):
        return any(each in value for each in given)
    return any(each.casefold() in value.casefold() for each in given)


COMPARISONS: dict[str, Callable[[Any, list[Any]], bool]] = {
    "equal": lambda value, given: value in given,
    "notEqual": lambda value, given: value not in given,
    "lessThan": lambda value, given: value < given[0],
    "lessThanEqual": lambda value, given: value <= given[0],
    "greaterThan": lambda value, given: value > given[0],
    "greaterThanEqual": lambda value, given: value >= given[0],
    "between": lambda value, given: given[0] <= value <= given[1],
    "notBetween": lambda value, given: not given[0] <= value <= given[1],
    "contains": lambda value, given: holds_any(value, given),
    "containsAny": lambda value, given: holds_any(value, given),
    "containsAll": lambda value, given: all(holds_any(value, [each]) for each in given),
    "notContains": lambda value, given: not holds_any(value, given),
    "search": lambda value, given: found(value, given[0]),
    "notSearch": lambda value, given: not found(value, given[0]),
    "startsWith": lambda value, given: value.casefold().startswith(given[0].casefold()),
    "notStartsWith": lambda value, given: not value.casefold().startswith(given[0].casefold()),
    "endsWith": lambda value, given: value.casefold().endswith(given[0].casefold()),
    "notEndsWith": lambda value, given: not value.casefold().endswith(given[0].casefold()),
}


def holds(query: dict[str, Any], item: Item) -> bool:
    method, values = query["method"], query.get("values", [])
    if method == "and":
        return all(holds(child, item) for child in values)
    if method == "or":
        return any(holds(child, item) for child in values)
    value = attribute(item, query["attribute"])
    if method in {"isNull", "isNotNull"}:
        return bool((value is None) == (method == "isNull"))
    if query["attribute"] == "$createdAt":
        values = [round_trip[each] for each in values]
    return value is not None and bool(COMPARISONS[method](value, values))


MOMENTS = [format_datetime(number * 500) for number in range(12)]
round_trip = {moment: number * 500 for number, moment in enumerate(MOMENTS)}

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(WORDS) | st.text("aAbB%_ é", max_size=3),
    "note": st.sampled_from(WORDS),
    "size": st.integers(-4, 4) | st.sampled_from([0.5, -1.0, 2**62]),
    "enabled": st.booleans(),
    "tags": st.sampled_from([*TAGS, "", ", ", '"', "é", "o", '"a"']),
    "$id": st.sampled_from(["i1", "i20", "I1", "zz"]),
    "$createdAt": st.sampled_from(MOMENTS),
    "$sequence": st.integers(-1, 50),
}
TEXT_METHODS = [
    method for method in COMPARISONS if "ontains" in method or "earch" in method or "With" in method
]
ORDER_METHODS = [method for method in COMPARISONS if "Than" in method or "etween" in method]
LIST_METHODS = ["contains", "containsAny", "containsAll", "notContains"]
SINGLE = {"search", "notSearch", "startsWith", "notStartsWith", "endsWith", "notEndsWith"}


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(list(VALUES)))
    methods = ["isNull", "isNotNull"]
    methods += ["equal", "notEqual"] if name != "tags" else LIST_METHODS
    methods += ORDER_METHODS if name not in {"enabled", "tags"} else []
    methods += TEXT_METHODS if name in {"name", "note", "$id"} else []
    method = draw(st.sampled_from(methods))
    if method in {"isNull", "isNotNull"}:
        return {"method": method, "attribute": name}
    least, most = (2, 2) if "etween" in method else (1, 1) if method in SINGLE or "Than" in method else (1, 3)
    values = draw(st.lists(VALUES[name], min_size=least, max_size=most))
    return {"method": method, "attribute": name, "values": values}


filters = st.recursive(
    comparisons(),
    lambda children: st.fixed_dictionaries(
        {"method": st.sampled_from(["and", "or"]), "values": st.lists(children, min_size=1, max_size=3)}
    ),
    max_leaves=6,
)
orders = st.lists(
    st.tuples(st.sampled_from(["name", "note", "size", "enabled", "$createdAt", "$sequence"]), st.booleans()),
    max_size=3,
)


def run(
    connection: Connection, *queries: dict[str, Any], search: str = "", total: bool = True
) -> tuple[int, list[str]]:
    count, rows = list_rows(connection, LIST, [json.dumps(query) for query in queries], search, (), total)
    return count, [row.id for row in rows]


def limit(number: int) -> dict[str, Any]:
    return {"method": "limit", "values": [number]}


def ordered(items: list[Item], by: list[tuple[str, bool]]) -> list[Item]:
    result = sorted(items, key=lambda item: item["sequence"])
    seen: dict[str, bool] = {}
    for name, descending in by:
        seen.setdefault(name, descending)
    for name, descending in reversed(seen.items()):
        result.sort(
            key=lambda item, name=name: (
                (attribute(item, name) is not None, attribute(item, name) or "")  # type: ignore[misc]
                if name == "note"
                else (True, attribute(item, name))
            ),
            reverse=descending,
        )
    return result


def order_queries(by: list[tuple[str, bool]]) -> list[dict[str, Any]]:
    return [
        {"method": "orderDesc" if descending else "orderAsc", "attribute": name} for name, descending in by
    ]


relaxed = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150
)


@relaxed
@given(st.lists(filters, max_size=3))
def test_filters(connection: Connection, wanted: list[dict[str, Any]]) -> None:
    expected = [item["id"] for item in ITEMS if all(holds(query, item) for query in wanted)]
    assert run(connection, *wanted, limit(100)) == (len(expected), expected)


@relaxed
@given(orders, st.integers(1, 7), st.integers(0, 45))
def test_orders_limits_and_offsets(
    connection: Connection, by: list[tuple[str, bool]], size: int, skipped: int
) -> None:
    expected = [item["id"] for item in ordered(ITEMS, by)]
    offset = {"method": "offset", "values": [skipped]}
    assert run(connection, *order_queries(by), limit(size), offset) == (
        40,
        expected[skipped : skipped + size],
    )


@relaxed
@given(orders, st.integers(1, 40), st.integers(0, 39), st.booleans())
def test_cursors(
    connection: Connection, by: list[tuple[str, bool]], size: int, at: int, backward: bool
) -> None:
    items = ordered(ITEMS, by)
    cursor = {"method": "cursorBefore" if backward else "cursorAfter", "values": [items[at]["id"]]}
    queries = [*order_queries(by), limit(size), cursor]
    expected = items[max(0, at - size) : at] if backward else items[at + 1 : at + 1 + size]
    assert run(connection, *queries) == (40, [item["id"] for item in expected])


@pytest.mark.parametrize(
    "wanted", ["a", "A", "b a", "%", "i1", "\\", "é", "É", "иван", "İVAN", "straße", "zzz", "  "]
)
def test_search_looks_at_id_and_name(connection: Connection, wanted: str) -> None:
    expected = [
        item["id"]
        for item in ITEMS
        if all(found(item["id"], word) or found(item["name"], word) for word in wanted.split())
    ]
    assert run(connection, limit(100), search=wanted) == (len(expected), expected)


def test_defaults(connection: Connection) -> None:
    assert run(connection) == (40, [f"i{number}" for number in range(1, 26)])
    assert run(connection, total=False) == (0, [f"i{number}" for number in range(1, 26)])
    assert run(connection, {"method": "orderDesc"}, limit(1)) == (40, ["i40"])
    assert run(connection, limit(2), limit(3))[1] == ["i1", "i2"]
    assert sorted(run(connection, {"method": "orderRandom"}, limit(100))[1]) == sorted(
        item["id"] for item in ITEMS
    )
    assert run(connection, {"method": "equal", "attribute": "$sequence", "values": ["3"]})[1] == ["i3"]


WRONG: list[tuple[Any, str]] = [
    ("", "JSON"),
    ("[]", "object"),
    ({"method": "nope"}, "Unknown query method"),
    ({"method": "select", "values": ["name"]}, "cannot be used on this list"),
    ({"method": "regex", "attribute": "name", "values": ["a"]}, "cannot be used on this list"),
    ({"method": "elemMatch", "attribute": "name", "values": []}, "cannot be used on this list"),
    ({"method": "equal", "attribute": "secret", "values": ["a"]}, "names the attribute secret"),
    ({"method": "equal", "values": ["a"]}, "names the attribute (none)"),
    ({"method": "orderAsc", "attribute": "secret"}, "names the attribute secret"),
    ({"method": "orderAsc", "attribute": "tags"}, "has no order"),
    ({"method": "equal", "attribute": "tags", "values": ["a"]}, "is a list"),
    ({"method": "contains", "attribute": "tags", "values": [1]}, "must be text"),
    ({"method": "equal", "attribute": "name", "values": []}, "needs 1 to 500 values"),
    ({"method": "equal", "attribute": "name", "values": ["a"] * 501}, "needs 1 to 500 values"),
    ({"method": "equal", "attribute": "name", "values": [1]}, "must be text"),
    ({"method": "equal", "attribute": "name", "values": [None]}, "must be text"),
    ({"method": "equal", "attribute": "name", "values": [["a"]]}, "must be text"),
    ({"method": "equal", "attribute": "name", "values": ["a\0b"]}, "NUL"),
    ({"method": "equal", "attribute": "size", "values": ["1"]}, "must be a number"),
    ({"method": "equal", "attribute": "size", "values": [True]}, "must be a number"),
    ({"method": "equal", "attribute": "size", "values": [2**63]}, "64 bits"),
    ({"method": "equal", "attribute": "$sequence", "values": ["-1"]}, "must be a number"),
    ({"method": "equal", "attribute": "$sequence", "values": ["9" * 19]}, "64 bits"),
    ({"method": "equal", "attribute": "enabled", "values": [1]}, "true or false"),
    ({"method": "lessThan", "attribute": "enabled", "values": [True]}, "no order"),
    ({"method": "lessThan", "attribute": "size", "values": [1, 2]}, "exactly one value"),
    ({"method": "between", "attribute": "size", "values": [1]}, "exactly 2 values"),
    ({"method": "contains", "attribute": "size", "values": [1]}, "needs a text attribute"),
    ({"method": "search", "attribute": "name", "values": ["a" * 257]}, "at most 256"),
    ({"method": "equal", "attribute": "$createdAt", "values": ["yesterday"]}, "ISO 8601"),
    ({"method": "equal", "attribute": "$createdAt", "values": [5]}, "ISO 8601"),
    ({"method": "or", "values": []}, "at least one query"),
    ({"method": "or", "values": [limit(1)]}, "names the attribute"),
    (
        {"method": "and", "values": [{"method": "equal", "attribute": "size", "values": [1]}] * 100},
        "At most 100",
    ),
    (limit(0), "from 1 to"),
    (limit(2**53 + 2), "from 1 to"),
    ({"method": "limit", "values": ["5"]}, "from 1 to"),
    ({"method": "limit", "values": [True]}, "from 1 to"),
    ({"method": "limit"}, "from 1 to"),
    ({"method": "offset", "values": [-1]}, "from 0 to"),
    ({"method": "offset", "values": [1e300]}, "from 0 to"),
    ({"method": "cursorAfter", "values": [5]}, "id of one item"),
    ({"method": "cursorAfter", "values": ["é"]}, "id of one item"),
]


@pytest.mark.parametrize(("query", "problem"), WRONG, ids=lambda value: json.dumps(value)[:50])
def test_wrong_queries_are_named(connection: Connection, query: Any, problem: str) -> None:
    given_text = query if isinstance(query, str) else json.dumps(query)
    with pytest.raises(TidewireError, match="Invalid query") as caught:
        list_rows(connection, LIST, [given_text], "", (), True)
    assert caught.value.type == "general_argument_invalid"
    assert caught.value.message.startswith("Invalid `queries` param: Invalid query: ")
    assert problem in caught.value.message


def test_more_than_the_allowed_queries_are_refused(connection: Connection) -> None:
    with pytest.raises(TidewireError, match="At most 100"):
        run(connection, *[limit(1)] * 101)
    assert run(connection, *[limit(1)] * 100)[1] == ["i1"]


def test_the_largest_accepted_query_works(connection: Connection) -> None:
    values: list[Any] = [str(number) for number in range(500)]
    alternatives: list[Any] = [
        {"method": method, "attribute": name, "values": values}
        for method, name in (("containsAll", "name"), ("containsAll", "tags"), ("equal", "name"))
    ] * 32
    alternatives.append({"method": "equal", "attribute": "size", "values": [n + 0.5 for n in range(500)]})
    nested: dict[str, Any] = {"method": "or", "values": alternatives}
    assert run(connection, {"method": "and", "values": [nested]}) == (0, [])
    depth: dict[str, Any] = {"method": "isNull", "attribute": "note"}
    for _ in range(15):
        depth = {"method": "or", "values": [depth]}
    assert run(connection, depth)[0] == sum(item["note"] is None for item in ITEMS)


@relaxed
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda children: (
            st.lists(children, max_size=3)
            | st.dictionaries(st.sampled_from(["method", "attribute", "values", "x"]), children, max_size=4)
        ),
        max_leaves=15,
    ),
    st.sampled_from([*COMPARISONS, "limit", "cursorAfter", "and", "orderAsc", "isNull", "offset"]),
    st.sampled_from([*LIST.attributes, ""]),
)
def test_garbage_is_answered_with_documented_errors(
    connection: Connection, garbage: Any, method: str, name: str
) -> None:
    for query in (
        garbage,
        {"method": method, "attribute": name, "values": garbage},
        {"method": method, "values": [garbage]},
    ):
        try:
            list_rows(connection, LIST, [json.dumps(query)], "", (), True)
        except TidewireError as error:
            assert error.type in {"general_argument_invalid", "general_cursor_not_found"}


def test_random_order_has_no_cursor(connection: Connection) -> None:
    with pytest.raises(TidewireError, match="random order"):
        run(connection, {"method": "orderRandom"}, {"method": "cursorAfter", "values": ["i1"]})


@pytest.fixture
def shop() -> Iterator[Connection]:
    opened = connect(Path(":memory:"), "shop", "full")
    project_metadata.create_all(opened)
    yield opened
    opened.close()


FILES = ListDefinition(files, files.c.id, {"name": files.c.name, "$id": files.c.id})


def test_hidden_items_are_not_counted_not_listed_and_no_cursors(shop: Connection) -> None:
    bucket = add_bucket(shop, "b1")
    for number in range(6):
        role = "users" if number % 2 else "user:other"
        write_grants(shop, "file", add_file(shop, bucket, f"f{number}"), [f'read("{role}")', 'update("any")'])
    where = [files.c.bucket_sequence == bucket, readable("file", files.c.sequence, ("user:me", "users"))]
    count, rows = list_rows(shop, FILES, [], "", where, True)
    assert (count, [row.id for row in rows]) == (3, ["f1", "f3", "f5"])
    for hidden in ("f0", "missing"):
        with pytest.raises(TidewireError) as caught:
            list_rows(
                shop, FILES, [json.dumps({"method": "cursorAfter", "values": [hidden]})], "", where, True
            )
        assert caught.value.type == "general_cursor_not_found"


def test_counting_stops(shop: Connection) -> None:
    bucket = add_bucket(shop, "b1")
    row = {"bucket_sequence": bucket, "created_at": 1, "updated_at": 1, "signature": "", "size": 1}
    shop.execute(insert(files), [{"id": f"f{number}", **row} for number in range(MAX_TOTAL + 10)])
    assert list_rows(shop, FILES, [], "", (), True)[0] == MAX_TOTAL


def test_grants_are_replaced_and_give_only_what_they_say(shop: Connection) -> None:
    bucket = add_bucket(shop, "b1")
    sequence = add_file(shop, bucket, "f1")
    visible = select(files.c.id).where(readable("file", files.c.sequence, ("user:me",)))
    write_grants(shop, "file", sequence, ['update("user:me")', 'write("user:me")', 'read("user:you")'])
    write_grants(shop, "bucket", sequence, ['read("user:me")'])
    assert shop.scalars(visible).all() == []
    write_grants(shop, "file", sequence, ['read("user:me")', 'read("user:me")'])
    assert shop.scalars(visible).all() == ["f1"]
    write_grants(shop, "file", sequence, ['read("any")'])
    assert shop.scalars(visible).all() == ["f1"]
    write_grants(shop, "file", sequence, [])
    assert shop.scalars(visible).all() == []


def test_permissions_come_back_in_the_order_given(shop: Connection) -> None:
    given_list = ['read("users")', 'delete("user:z")', 'read("any")', 'delete("user:a")']
    bucket = add_bucket(shop, "b1", permissions=given_list)
    assert shop.scalar(select(files.c.permissions).where(files.c.bucket_sequence == bucket)) is None
    add_file(shop, bucket, "f1", permissions=given_list)
    assert shop.scalar(select(files.c.permissions)) == given_list
    shop.execute(update(files).values(permissions=given_list[::-1]))
    assert shop.scalar(select(files.c.permissions)) == given_list[::-1]


def test_lists_use_indexes(shop: Connection) -> None:
    statement = (
        select(files)
        .where(files.c.bucket_sequence == 1, readable("file", files.c.sequence, ("user:me", "users")))
        .order_by(files.c.sequence)
        .limit(25)
    )
    compiled = statement.compile(dialect=shop.dialect, compile_kwargs={"literal_binds": True})
    plan = [row.detail for row in shop.execute(text(f"EXPLAIN QUERY PLAN {compiled}".replace(":", "\\:")))]
    assert plan == [
        "SEARCH files USING INDEX ix_files_bucket_sequence (bucket_sequence=?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH permissions USING PRIMARY KEY (resource_type=? AND resource=? AND action=? AND role=?)",
    ]
