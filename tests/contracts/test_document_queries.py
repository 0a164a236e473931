"""Lists of documents on every engine: random documents, indexes, filters and orders, against a model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.document_oracle import Json, matches, ordered
from tests.services.documents.library import Library, query, refusal

TEXTS = st.text(st.sampled_from("abAB%_'\"\\é😀\U0010ffff\ud7ff{[ "), max_size=4)
NUMBERS = st.integers(-2, 2) | st.sampled_from([2**63 - 1, -(2**63), -1.5, 0.0, 1.0, 0.1, 2.5])
SCALARS = TEXTS | NUMBERS | st.booleans()
NAMES = st.sampled_from(["a", "b", "c-d", "e f", "g'h", "ü"])
VALUES = st.recursive(
    st.none() | SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.recursive(
    st.dictionaries(NAMES, st.none() | SCALARS | st.lists(SCALARS, max_size=2), max_size=2),
    lambda inner: st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=2,
)
DOCUMENTS = st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=10)
PATHS = st.lists(NAMES, min_size=1, max_size=2).map(".".join)
ORDERED = ["lessThan", "lessThanEqual", "greaterThan", "greaterThanEqual"]
TEXTUAL = ["startsWith", "endsWith", "notStartsWith", "notEndsWith"]
OTHERS = ["isNull", "isNotNull", "exists", "notExists", "between", "notBetween", "regex"]
SETS = ["equal", "notEqual", "contains", "containsAny", "containsAll", "notContains"]
INDEXED = st.lists(st.sampled_from(["a", "b", "a.b", "b.a", "c-d"]), unique=True, max_size=2)


@st.composite
def filters(draw: st.DrawFn, depth: int = 2) -> Json:
    branch = draw(st.integers(0, 5)) if depth else 5
    if branch == 0:
        parts = draw(st.lists(filters(depth - 1), min_size=1, max_size=3))
        return {"method": draw(st.sampled_from(["and", "or"])), "values": parts}
    if branch == 1:
        parts = draw(st.lists(filters(depth - 1), min_size=1, max_size=2))
        return {"method": "elemMatch", "attribute": draw(PATHS), "values": parts}
    method = draw(st.sampled_from([*OTHERS, *SETS, *ORDERED, *TEXTUAL]))
    if method in {"exists", "notExists"}:
        return {"method": method, "values": draw(st.lists(PATHS, min_size=1, max_size=2))}
    values: list[Any] = []
    if method in SETS:
        values = draw(st.lists(SCALARS, min_size=1, max_size=3) | st.lists(OBJECTS, min_size=1, max_size=2))
    elif method in ORDERED:
        values = [draw(TEXTS | NUMBERS)]
    elif method in TEXTUAL:
        values = [draw(TEXTS)]
    elif method in {"between", "notBetween"}:
        one = draw(TEXTS | NUMBERS)
        values = [one, draw(TEXTS if isinstance(one, str) else NUMBERS)]
    elif method == "regex":
        values = [draw(st.sampled_from(["a", "^a", "b$", "[é😀]", "A|B"]))]
    return {"method": method, "attribute": draw(PATHS), "values": values}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    documents=DOCUMENTS,
    indexed=INDEXED,
    asked=st.lists(filters(), min_size=1, max_size=6),
    orders=st.lists(st.tuples(PATHS, st.booleans()), min_size=1, max_size=2, unique_by=lambda each: each[0]),
)
async def test_queries_mean_what_the_oracle_says(
    library: Library,
    documents: list[Json],
    indexed: list[str],
    asked: list[Json],
    orders: list[tuple[str, bool]],
) -> None:
    await library.collection()
    for attribute in indexed:
        await library.index("key", attribute)
    await library.fill(*documents)
    stored = (await library.find())["documents"]
    shown = [{key: each[key] for key in each if not key.startswith("$")} for each in stored]
    assert shown == documents
    for each in asked:
        expected = [document["$id"] for document in stored if matches(document, each)]
        assert await library.ids(json.dumps(each)) == expected, each
    wanted = [each["$id"] for each in ordered(stored, orders)]
    in_order = [query("orderDesc" if descending else "orderAsc", key) for key, descending in orders]
    assert await library.ids(*in_order) == wanted
    await library.drop()


PARTS: list[Json] = [
    {"b": {"c": 1}},
    {"b": {"d": None}, "e": [True]},
    {"b": {"c": 1.0}, "e": ["x", True]},
    {"f.g": {}},
    {},
]
NO_PARTS: list[Json] = [
    {"b": {"c": "1"}},
    {"b": {"c": None}},
    {"e": [1]},
    {"e": "x"},
    {"b": []},
    {"missing": None},
]


async def test_objects_are_equal_to_their_parts(library: Library) -> None:
    await library.collection()
    await library.create("x", a={"b": {"c": 1, "d": None}, "e": ["x", True], "f.g": {}}, empty={"h": []})
    for part in PARTS:
        assert await library.ids(query("equal", "a", part)) == ["x"], part
        assert await library.ids(query("contains", "a", part, {"no": 1})) == ["x"], part
        assert await library.ids(query("notEqual", "a", part)) == [], part
    for other in NO_PARTS:
        assert await library.ids(query("equal", "a", other)) == [], other
        assert await library.ids(query("notEqual", "a", other)) == ["x"], other
    assert await library.ids(query("equal", "empty.h", {})) == []
    assert await library.ids(query("equal", "empty", {"h": []})) == ["x"]
    assert await library.ids(query("notEqual", "missing", {"h": []})) == []


async def test_as_much_as_queries_may_ask(library: Library) -> None:
    """Databases take neither deep expressions nor deeply nested ones: no query must come to that."""
    await library.collection()
    every = [str(number) for number in range(500)]
    many = {f"k{number}": number for number in range(500)}
    await library.create("x", a="".join(every), o=many, e=[{"e": 1}])
    for wide in (
        query("containsAll", "a", *every),
        query("equal", "o", many),
        query("exists", "", *(f"o.k{number}" for number in range(500))),
    ):
        any_of = json.dumps({"method": "or", "values": [json.loads(wide)] * 3})
        assert await library.ids(any_of, wide, wide) == ["x"]
        if "contains" not in wide:
            assert await refusal(library.find(any_of, *[wide] * 3)) == "general_query_invalid"
    too_much = query("equal", "o", many | {"more": 1})
    assert await refusal(library.find(too_much)) == "general_query_invalid"
    for method in ("elemMatch", "and", "or"):
        nested = json.loads(query("equal", "a", 1))
        for level in range(1, 16):
            nested = {"method": method, "attribute": "e", "values": [nested]}
            fine = method != "elemMatch" or level <= 4
            expected = "" if fine else "general_query_invalid"
            assert await refusal(library.find(json.dumps(nested))) == expected, (method, level)
    orders = [query("orderAsc", f"o.k{number}") for number in range(99)]
    assert await library.ids(*orders) == ["x"]
    assert await library.ids(*orders, query("cursorAfter", "", "x")) == []


async def test_pages_by_cursor(library: Library) -> None:
    await library.collection()
    await library.fill(*({"n": n % 3 if n % 4 else str(n), "m": {"k": n}} for n in range(17)))
    await library.fill({"m": {"k": 1}}, {"$id": "without"}, {"n": None, "m": {"k": None}})
    for indexed in (False, True):
        if indexed:
            await library.index("key", "n", "m.k")
        for order in ("orderAsc", "orderDesc"):
            orders = (query(order, "n"), query(order, "m.k"))
            everything = await library.ids(*orders)
            assert "without" in everything
            pages: list[str] = []
            while True:
                cursor = (query("cursorAfter", "", pages[-1]),) if pages else ()
                page = await library.ids(*orders, query("limit", "", 3), *cursor)
                pages += page
                if len(page) < 3:
                    break
            assert pages == everything
            before = query("cursorBefore", "", everything[10])
            assert await library.ids(*orders, query("limit", "", 3), before) == everything[7:10]


HOSTILE = [
    "a' OR 1=1 --",
    "a'; DROP TABLE t1; --",
    "a'') OR json_extract(c1, '$.secret') = 'x",
    'a"',
    'a") OR 1=1 --',
    "a\\",
    "a\\u0022",
    "$",
    "$.a",
    "$[0]",
    "a[0]",
    "a[#-1]",
    "a.*",
    "a..b",
    ".",
    "",
    ":v0",
    "?",
    "%s",
    "%(v0)s",
    "a\x00b",
    "a\nb",
    "a`b",
    "[a]",
    "a/*",
    "\ud800",
    "a." * 40 + "a",
    "n" * 300,
    "$document",
    "$document.a",
    "$nearest:vectorDot:a",
    "c1",
    "sequence",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_names_of_attributes_cannot_become_sql(library: Library, name: str) -> None:
    await library.collection()
    await library.create("x", a=1, secret="x")
    queries = [
        query("equal", name, 1),
        query("notEqual", name, 1),
        query("lessThan", name, "x"),
        query("contains", name, "x"),
        query("isNotNull", name),
        query("exists", "", name),
        query("startsWith", name, "x"),
        query("regex", name, "x"),
        json.dumps(
            {"method": "elemMatch", "attribute": name, "values": [json.loads(query("equal", "a", 1))]}
        ),
        json.dumps(
            {"method": "elemMatch", "attribute": "a", "values": [json.loads(query("equal", name, 1))]}
        ),
        query("search", name, "x"),
        query("vectorDot", name, [1, 2, 3]),
    ]
    for each in queries:
        outcome = await refusal(library.find(each))
        assert outcome in {"", "general_query_invalid"}, each
        if not outcome:
            assert await library.ids(each) == [], each
    for each in (query("orderAsc", name), query("select", "", name)):
        assert await refusal(library.find(each)) in {"", "general_query_invalid"}, each
    assert await refusal(library.index("key", name)) in {"", "index_invalid", "attribute_unknown"}
    written = await refusal(library.write("y", {name: "value"}))
    assert written in {"", "document_invalid_structure"}
    if not written:
        assert (await library.get("y")).get(name, "value") == "value"
    # Everything is still there, and can be found.
    assert await library.ids(query("equal", "secret", "x")) == ["x"]


SEARCH = {"method": "search", "attribute": "b", "values": ["x"]}


async def test_values_that_do_not_fit(library: Library) -> None:
    await library.collection()
    for wrong in (
        query("equal", "a"),
        query("equal", "a", None),
        query("lessThan", "a", {"b": 1}),
        query("equal", "a", {"b": 1}, 1),
        query("equal", "a", {'b"': 1}),
        query("equal", "a", {"": 1}),
        query("equal", "a", {"b": [[1]]}),
        query("equal", "a", {"b": [None]}),
        query("equal", "a", {"b": 2**64}),
        query("equal", "a", [1]),
        query("equal", "a", 2**63),
        query("equal", "a", "\0"),
        query("lessThan", "a", True),
        query("lessThan", "a", 1, 2),
        query("between", "a", 1, "b"),
        query("between", "a", 1),
        query("startsWith", "a", 1),
        query("regex", "a", "("),
        query("exists", ""),
        query("exists", "", 1),
        query("elemMatch", "a"),
        query("isNull", ""),
        query("intersects", "a", [1, 1]),
        query("vectorCosine", "a", [1, 1]),
        json.dumps({"method": "and", "values": []}),
        json.dumps({"method": "elemMatch", "attribute": "a", "values": [{"method": "limit", "values": [1]}]}),
        json.dumps({"method": "elemMatch", "attribute": "a", "values": [SEARCH]}),
    ):
        assert await refusal(library.find(wrong)) == "general_query_invalid", wrong
