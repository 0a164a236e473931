"""Staged or done at once, it is the same: random operations on a table, and staged on its twin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.databases.examples import SAME_EACH_TIME, in_a_world
from tests.services.databases.sales import Sales
from tests.services.databases.shop import Json, Shop, column, operator, query
from tests.services.world import KEY, World, on_the_wire
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.services.databases import bulk, counting, databases, row_reading, rows, tables
from tidewire.services.databases import transaction_operations as transactions
from tidewire.services.databases.dialects import DOCUMENTS, TABLES, VECTORS, Dialect, DialectCall
from tidewire.services.databases.vectors import create_collection as create_vector_collection

IDS = st.sampled_from(["a", "b", "c", "new"])
WORDS = st.lists(st.sampled_from(["quick", "brown", "fox", "foxes"]), max_size=3).map(" ".join)
NUMBERS = st.integers(-2, 5)
POINTS = st.tuples(st.integers(-2, 2), st.integers(-2, 2)).map(list)
VECTORS_OF_TWO = st.tuples(st.integers(-2, 2), st.integers(-2, 2)).map(list)
PERMISSIONS = st.none() | st.lists(
    st.sampled_from(['read("user:ann")', 'read("any")', 'update("any")']), max_size=2, unique=True
)
COLUMNS = [
    column("text", "varchar"),
    column("n", "integer"),
    column("u", "integer"),
    column("tags", "varchar", array=True),
    column("place", "point"),
    column("secret", "varchar", size=150, encrypt=True),
]
INDEXES: list[Json] = [
    {"key": "words", "type": "fulltext", "attributes": ["text"]},
    {"key": "numbers", "type": "key", "attributes": ["n"]},
    {"key": "unique", "type": "unique", "attributes": ["u"]},
    {"key": "places", "type": "spatial", "attributes": ["place"]},
]
PATHS: list[Json] = [
    {"key": "words", "type": "fulltext", "attributes": ["m.text"]},
    {"key": "numbers", "type": "key", "attributes": ["m.n"]},
    {"key": "unique", "type": "unique", "attributes": ["u"]},
]
TABLE_DATA = st.fixed_dictionaries(
    {"text": WORDS},
    optional={
        "n": st.none() | NUMBERS,
        "u": st.none() | NUMBERS,
        "tags": st.lists(st.sampled_from(["x", "y", "z"]), max_size=3),
        "place": st.none() | POINTS,
        "secret": WORDS,
    },
)
MEMBERS = st.fixed_dictionaries(
    {}, optional={"text": WORDS, "n": NUMBERS, "deep": st.lists(NUMBERS, max_size=2)}
)
DOCUMENT_DATA = st.fixed_dictionaries({"m": MEMBERS}, optional={"u": st.none() | NUMBERS | st.booleans()})
VECTOR_DATA = st.fixed_dictionaries({"embeddings": VECTORS_OF_TWO, "metadata": MEMBERS})
TABLE_OPERATORS = st.fixed_dictionaries(
    {"text": st.just(operator("stringConcat", " fox"))},
    optional={
        "n": st.just(operator("multiply", 2)),
        "u": st.just(operator("increment", 1)),
        "tags": st.sampled_from([operator("arrayAppend", ["z"]), operator("arrayUnique")]),
    },
)
TABLE_FILTERS = st.one_of(
    st.builds(lambda words: query("search", "text", words or "fox"), WORDS),
    st.builds(lambda number: query("greaterThan", "n", number), NUMBERS),
    st.builds(lambda number: query("notEqual", "u", number), NUMBERS),
    st.builds(lambda point: query("distanceLessThan", "place", [point, 1.5, False]), POINTS),
    st.just(query("contains", "tags", "z")),
    st.just(query("isNull", "n")),
    st.builds(lambda row_id: query("equal", "$id", row_id), IDS),
)
DOCUMENT_FILTERS = st.one_of(
    st.builds(lambda words: query("search", "m.text", words or "fox"), WORDS),
    st.builds(lambda number: query("greaterThan", "m.n", number), NUMBERS),
    st.builds(lambda number: query("equal", "u", number), NUMBERS),
    st.builds(lambda number: query("contains", "m.deep", number), NUMBERS),
)
VECTOR_FILTERS = st.builds(lambda number: query("greaterThan", "metadata.n", number), NUMBERS)

DUPLICATES = dict.fromkeys(
    [
        f"{word}_{problem}"
        for word in ("row", "document")
        for problem in ("already_exists", "unique_constraint_violation")
    ],
    "duplicate",
)


@dataclass(frozen=True)
class Kind:
    """A kind of databases, and what is in its twins."""

    dialect: Dialect
    data: st.SearchStrategy[Json]
    operators: st.SearchStrategy[Json]
    filters: st.SearchStrategy[str]
    first: dict[str, Json]
    """Rows that there are in the beginning."""
    orders: list[list[str]]
    counted: str


KINDS = [
    Kind(
        TABLES,
        TABLE_DATA,
        TABLE_OPERATORS,
        TABLE_FILTERS,
        {
            "a": {"text": "quick fox", "n": 1, "u": 1, "tags": ["x", "z"], "place": [0, 1], "secret": "s"},
            "b": {"text": "brown foxes", "n": 2, "u": 2, "tags": ["y"], "place": [2, 2]},
            "c": {"n": -1, "place": [-1, 0]},
        },
        [[], [query("orderDesc", "n")], [query("orderAsc", "text"), query("orderDesc", "u")]],
        "n",
    ),
    Kind(
        DOCUMENTS,
        DOCUMENT_DATA,
        st.nothing(),
        DOCUMENT_FILTERS,
        {
            "a": {"m": {"text": "quick fox", "n": 1, "deep": [1, 2]}, "u": 1},
            "b": {"m": {"text": "brown foxes", "n": 3}, "u": 2},
            "c": {"m": {"n": -1, "deep": [2]}},
        },
        [[], [query("orderDesc", "m.n")]],
        "m.n",
    ),
    Kind(
        VECTORS,
        VECTOR_DATA,
        st.nothing(),
        VECTOR_FILTERS,
        {
            "a": {"embeddings": [1, 1], "metadata": {"n": 1}},
            "b": {"embeddings": [-1, 2], "metadata": {"n": 3}},
            "c": {"embeddings": [0, 0]},
        },
        [[], [query("vectorEuclidean", "embeddings", [1, 0])], [query("vectorDot", "embeddings", [1, 1])]],
        "",
    ),
]


@settings(SAME_EACH_TIME, max_examples=12)
@given(st.data())
def test_twins(data: st.DataObject) -> None:
    async def play(world: World) -> None:
        kind = data.draw(st.sampled_from(KINDS), "kind")
        shop = Shop(world)
        await _make(shop, kind)
        ann = await world.user("ann")
        transaction = await Sales(shop).begin(ann, kind.dialect)
        for _ in range(data.draw(st.integers(2, 6), "within")):
            await _operate(data, kind, shop, {"plain": None, "staged": transaction})
            await _compare(data, kind, shop, ann, transaction)
        before = await _listed(kind, shop, KEY, "plain", None, [])
        await transactions.update_transaction(shop.call(ann, kind.dialect), transaction, commit=True)
        assert await _listed(kind, shop, KEY, "staged", None, []) == before
        await _compare(data, kind, shop, ann, None)

    in_a_world(play)


async def _make(shop: Shop, kind: Kind) -> None:
    call = shop.call(dialect=kind.dialect)
    await databases.create_database(call, "d", "D")
    for name in ("plain", "staged"):
        if kind.dialect is TABLES:
            await shop.table(COLUMNS, table_id=name, indexes=INDEXES, row_security=True)
        elif kind.dialect is DOCUMENTS:
            await tables.create_table(call, "d", name, "C", row_security=True, indexes=PATHS)
        else:
            await create_vector_collection(call, "d", name, "C", 2, row_security=True)
        for row_id, first in kind.first.items():
            await rows.create_row(
                call, "d", name, row_id, first, ['read("user:ann")'] if row_id != "c" else []
            )


async def _operate(data: st.DataObject, kind: Kind, shop: Shop, twins: dict[str, str | None]) -> None:
    """Do the same in both, with the same outcome."""
    actions = ["create", "create", "update", "upsert", "delete", "bulkUpdate", "bulkDelete", "bulkUpsert"]
    actions += ["operators"] if kind.dialect is TABLES else []
    actions += ["increment"] if kind.counted and kind.dialect is TABLES else []
    action = data.draw(st.sampled_from(actions), "action")
    row_id, given = data.draw(IDS, "row"), data.draw(kind.data, "data")
    if action == "create" and row_id in await _ids(kind, shop):
        action = "upsert"  # whether an id is free is for the commit to say
    permissions = data.draw(PERMISSIONS, "permissions")
    call = shop.call(dialect=kind.dialect)
    filters = [data.draw(kind.filters, "filter")] if action in {"bulkUpdate", "bulkDelete"} else []
    several = [{**given, "$id": row_id}, {**given, "$id": "z"}]
    operators = data.draw(kind.operators, "operators") if action == "operators" else {}
    of_row: dict[str, Any] = {"row_id": row_id, "permissions": permissions}
    work: dict[str, Callable[..., Awaitable[Any]]] = {
        "create": partial(rows.create_row, data=given, **of_row),
        "update": partial(rows.update_row_data, data=given, **of_row),
        "operators": partial(rows.update_row_data, row_id=row_id, data=operators),
        "upsert": partial(rows.upsert_row, data=given, **of_row),
        "delete": partial(rows.delete_row, row_id=row_id),
        "increment": partial(
            counting.increment_row_column, row_id=row_id, column=kind.counted, value=2, max=9
        ),
        "bulkUpsert": partial(bulk.upsert_rows, rows=several),
        "bulkUpdate": partial(bulk.update_rows, data=given, queries=filters),
        "bulkDelete": partial(bulk.delete_rows, queries=filters),
    }
    outcomes = [
        await _outcome(work[action](call, "d", table, transaction_id=within))
        for table, within in twins.items()
    ]
    assert outcomes[0] == outcomes[1]


async def _compare(data: st.DataObject, kind: Kind, shop: Shop, ann: Caller, within: str | None) -> None:
    """The twins look the same, to whomever and by whatever query."""
    filters = data.draw(st.lists(kind.filters, max_size=2), "filters")
    orders = data.draw(st.sampled_from(kind.orders), "orders")
    pages: list[list[str]] = [[], filters, [*filters, *orders], [*orders, query("limit", "", 2)]]
    for caller in (KEY, ann):
        for queries in pages:
            seen = [
                await _listed(kind, shop, caller, "plain", None, queries),
                await _listed(kind, shop, caller, "staged", within, queries),
            ]
            assert seen[0] == seen[1]
    everything = await _listed(kind, shop, KEY, "plain", None, orders)
    for row in everything[1][:2]:
        after = [*orders, query("cursorAfter", "", row["$id"])]
        seen = [
            await _listed(kind, shop, KEY, "plain", None, after),
            await _listed(kind, shop, KEY, "staged", within, after),
        ]
        assert seen[0] == seen[1]


async def _ids(kind: Kind, shop: Shop) -> set[str]:
    _, found = await _listed(kind, shop, KEY, "plain", None, [])
    return {row["$id"] for row in found}


async def _listed(
    kind: Kind, shop: Shop, caller: Caller, table: str, within: str | None, queries: list[str]
) -> Any:
    call = DialectCall(shop.world.context(caller), kind.dialect)
    return await _outcome(row_reading.list_rows(call, "d", table, queries, transaction_id=within))


async def _outcome(work: Awaitable[Any]) -> Any:
    """What comes of it, without what the twins cannot have in common."""
    try:
        result = await work
    except TidewireError as error:
        # Which of two reasons is told is SQLite's affair.
        return DUPLICATES.get(error.type, error.type), []
    if result is None:
        return "", []
    answer = on_the_wire(result)
    found = answer.get("rows", answer.get("documents", [answer]))
    return answer.get("total", 1), [_plain(row) for row in found]


def _plain(row: Json) -> Json:
    own = {"$sequence", "$tableId", "$collectionId", "$createdAt", "$updatedAt"}
    return {key: value for key, value in row.items() if key not in own}
