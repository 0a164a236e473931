"""Transactions: staged, read, committed whole or not at all, and by whom."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest

from tests.services.databases.sales import OPERATIONS, Sales
from tests.services.databases.shop import (
    COLLECTIONS,
    TABLES,
    Json,
    Shop,
    column,
    decoded,
    operator,
    query,
    refusal,
)
from tests.services.world import GUEST, World, on_the_wire
from tidewire.core.errors import TidewireError
from tidewire.core.parameters import InvalidParameterError
from tidewire.core.time import now
from tidewire.services.databases import bulk, counting, row_reading, rows
from tidewire.services.databases import transaction_operations as transactions
from tidewire.services.databases.dialects import Dialect
from tidewire.store.schema import transaction_operations, transaction_rows
from tidewire.store.schema import transactions as kept
from tidewire.store.upkeep.maintenance import maintain_project


@pytest.fixture
async def sales(shop: Shop) -> Sales:
    await shop.table([column("name", "varchar"), column("count", "integer")])
    return Sales(shop)


async def test_nothing_changes_before_the_commit_and_everything_by_it(sales: Sales) -> None:
    shop = sales.shop
    await shop.create("a", name="A", count=1)
    await shop.create("b", name="B", count=2)
    before = len(await shop.row_events())
    transaction, call = await sales.begin(), shop.call()
    created = await rows.create_row(call, "d", "t", "c", {"name": "C"}, transaction_id=transaction)
    assert on_the_wire(created)["name"] == "C"
    changed = await rows.update_row_data(call, "d", "t", "c", {"count": 7}, transaction_id=transaction)
    assert on_the_wire(changed)["count"] == 7
    counted = await counting.increment_row_column(call, "d", "t", "a", "count", 5, transaction_id=transaction)
    assert on_the_wire(counted)["count"] == 6
    await rows.delete_row(call, "d", "t", "b", transaction_id=transaction)
    await rows.upsert_row(call, "d", "t", "e", {"name": "E"}, transaction_id=transaction)
    assert await sales.listed() == {"a": ("A", 1), "b": ("B", 2)}
    assert len(await shop.row_events()) == before
    staged = {"a": ("A", 6), "c": ("C", 7), "e": ("E", None)}
    assert await sales.listed(transaction) == staged
    assert await sales.listed(transaction, query("greaterThan", "count", 6)) == {"c": ("C", 7)}
    assert (await sales.row("c", transaction))["count"] == 7
    assert await refusal(sales.row("b", transaction)) == "row_not_found"
    assert await refusal(sales.row("c")) == "row_not_found"
    assert (await sales.get(transaction))["operations"] == 5

    ended = await sales.end(transaction)
    assert (ended["status"], ended["operations"]) == ("committed", 5)
    assert await sales.listed() == staged
    told = [(action, event.parameters["rowId"]) for action, event in (await shop.row_events())[before:]]
    assert told == [("create", "c"), ("update", "c"), ("update", "a"), ("delete", "b"), ("update", "e")]


async def test_events_of_a_commit_are_as_the_reference_has_them(sales: Sales) -> None:
    for dialect, name in ((TABLES, "tables"), (COLLECTIONS, "collections")):
        transaction = await sales.begin()
        await sales.stage(transaction, {"action": "upsert", "rowId": name, "data": {"name": "x"}})
        await sales.end(transaction, dialect=dialect)
        action, event = (await sales.shop.row_events())[-1]
        assert action == "update"
        assert f".{name}." in event.pattern
        assert decoded(event)["$tableId"] == decoded(event)["$collectionId"] == "t"
        assert f"databases.d.tables.t.rows.{name}.update" in event.channels
        assert not any(channel.endswith(".upsert") for channel in event.channels)


async def test_names_of_events_carry_the_ids(sales: Sales) -> None:
    await sales.shop.fill({"$id": "r", "count": 1})
    transaction = await sales.begin()
    await sales.stage(
        transaction,
        {"action": "create", "rowId": "a", "data": {}},
        {"action": "increment", "rowId": "a", "data": {"column": "count", "value": 1}},
        {"action": "bulkCreate", "data": [{"$id": "b"}]},
        {"action": "bulkDelete", "data": {"queries": [query("equal", "$id", "r")]}},
    )
    before = len(await sales.shop.row_events())
    await sales.end(transaction)
    names = [event.names for _, event in (await sales.shop.row_events())[before:]]
    rows_told = ["a.create", "a.update", "b.create", "r.delete"]
    assert [each[0] for each in names] == [f"tablesdb.d.tables.t.rows.{told}" for told in rows_told]
    for told, each in zip(rows_told, names, strict=True):
        assert f"databases.d.collections.t.documents.{told}" in each


@pytest.mark.parametrize("told", [True, False])
async def test_subscribers_are_told_of_bulk_operations_unless_it_is_switched_off(
    sales: Sales, told: bool
) -> None:
    await sales.shop.fill(*({"$id": f"r{number}", "name": "n", "count": number} for number in range(5)))
    settings = msgspec.structs.replace(sales.shop.world.settings, transaction_bulk_events=told)
    sales.shop.world = replace(sales.shop.world, settings=settings)
    transaction = await sales.begin()
    await sales.stage(
        transaction,
        {"action": "bulkCreate", "data": [{"$id": "x", "name": "X"}, {"name": "nameless id"}]},
        {
            "action": "bulkUpdate",
            "data": {"queries": [query("lessThan", "count", 2)], "data": {"name": "low"}},
        },
        {"action": "bulkUpsert", "data": [{"$id": "x", "count": 9}]},
        {"action": "bulkDelete", "data": {"queries": [query("greaterThan", "count", 3)]}},
    )
    before = len(await sales.shop.row_events())
    seen = await sales.listed(transaction)
    await sales.end(transaction)
    assert await sales.listed() == seen
    assert {key: seen[key] for key in ("r0", "r1", "r2", "r3")} == {
        "r0": ("low", 0),
        "r1": ("low", 1),
        "r2": ("n", 2),
        "r3": ("n", 3),
    }
    assert "r4" not in seen
    # The last operation found the row that the third had counted to nine.
    assert "x" not in seen
    events = (await sales.shop.row_events())[before:]
    assert len(events) == 7
    if not told:
        assert all(
            not event.channels and not event.roles and event.audience == "nobody" for _, event in events
        )
        return
    assert [action for action, _ in events] == ["create"] * 2 + ["update"] * 3 + ["delete"] * 2
    for action, event in events:
        row = decoded(event)
        assert event.audience == ""
        assert f"databases.d.tables.t.rows.{row['$id']}.{action}" in event.channels
        assert row["$tableId"] == row["$collectionId"] == "t"


async def test_a_rollback_leaves_nothing(sales: Sales) -> None:
    transaction = await sales.begin()
    await sales.stage(transaction, {"action": "create", "rowId": "a", "data": {"name": "A"}})
    assert (await sales.end(transaction, "rollback"))["status"] == "failed"
    assert await sales.listed() == {}
    assert await sales.shop.row_events() == []
    assert await refusal(sales.end(transaction)) == "transaction_not_ready"
    assert (
        await refusal(sales.stage(transaction, {"action": "create", "rowId": "x", "data": {}}))
        == "transaction_not_ready"
    )
    assert await refusal(sales.row("a", transaction)) == "transaction_not_ready"


@pytest.mark.parametrize("change", ["update", "update and back"])
async def test_a_row_that_others_changed_is_a_conflict(sales: Sales, change: str) -> None:
    shop = sales.shop
    await shop.create("a", name="A", count=1)
    transaction = await sales.begin()
    await sales.stage(
        transaction,
        {"action": "create", "rowId": "new", "data": {}},
        {"action": "update", "rowId": "a", "data": {"count": 2}},
    )
    await shop.update("a", name="changed")
    if change == "update and back":
        await shop.delete("a")
        await shop.create("a", name="A", count=1)
    assert await refusal(sales.end(transaction)) == "transaction_conflict"
    assert (await sales.get(transaction))["status"] == "failed"
    assert "new" not in await sales.listed()


@pytest.mark.parametrize("dialect", [TABLES, COLLECTIONS])
@pytest.mark.parametrize(
    "operation",
    [
        {"action": "update", "data": {"count": 2}},
        {"action": "delete"},
        {"action": "increment", "data": {"column": "count", "value": 1}},
        {"action": "decrement", "data": {"column": "count", "value": 1}},
    ],
    ids=lambda operation: operation["action"] if isinstance(operation, dict) else operation.service,
)
async def test_a_row_that_is_gone_by_the_commit(sales: Sales, operation: Json, dialect: Dialect) -> None:
    await sales.shop.create("a", count=1)
    transaction = await sales.begin()
    await sales.stage(
        transaction, {"action": "create", "rowId": "new", "data": {}}, {**operation, "rowId": "a"}
    )
    await sales.shop.delete("a")
    assert await refusal(sales.end(transaction, dialect=dialect)) == "document_not_found"
    assert (await sales.get(transaction))["status"] == "failed"
    assert await sales.listed() == {}


async def test_an_upsert_creates_the_row_that_is_gone_by_the_commit(sales: Sales) -> None:
    for row_id in ("a", "b", "c"):
        await sales.shop.create(row_id, name="old", count=1)
    transaction = await sales.begin()
    await sales.stage(
        transaction,
        {"action": "upsert", "rowId": "a", "data": {"count": 2}},
        {"action": "bulkUpsert", "data": [{"$id": "b", "count": 3}]},
        {"action": "bulkUpdate", "data": {"queries": [], "data": {"name": "new"}}},
    )
    for row_id in ("a", "b", "c"):
        await sales.shop.delete(row_id)
    assert (await sales.end(transaction))["status"] == "committed"
    assert await sales.listed() == {"a": ("new", 2), "b": ("new", 3)}


async def test_what_was_read_within_it_must_not_have_changed_when_it_is_written(sales: Sales) -> None:
    shop = sales.shop
    await shop.create("a", count=1)
    await shop.create("b", count=1)
    for read in ("get", "list"):
        transaction = await sales.begin()
        if read == "get":
            seen = (await sales.row("a", transaction))["count"]
        else:
            seen = (await sales.listed(transaction))["a"][1]
        await shop.update("a", count=seen + 10)
        await shop.update("b", count=seen + 10)
        await sales.stage(transaction, {"action": "update", "rowId": "a", "data": {"count": seen + 1}})
        assert await refusal(sales.end(transaction)) == "transaction_conflict"
    # What is only read may change.
    transaction = await sales.begin()
    await sales.listed(transaction)
    await shop.update("b", count=0)
    await sales.stage(transaction, {"action": "update", "rowId": "a", "data": {"count": 0}})
    assert (await sales.end(transaction))["status"] == "committed"


async def test_two_transactions_on_one_row(sales: Sales) -> None:
    await sales.shop.create("a", count=0)
    one, two = await sales.begin(), await sales.begin()
    for transaction in (one, two):
        await sales.stage(transaction, {"action": "update", "rowId": "a", "data": {"count": 1}})
    await sales.end(two)
    assert await refusal(sales.end(one)) == "transaction_conflict"
    assert await sales.listed() == {"a": (None, 1)}


async def test_counting_never_conflicts(sales: Sales) -> None:
    shop, call = sales.shop, sales.shop.call()
    await shop.create("a", name="A", count=0)
    one, two, three = [await sales.begin() for _ in range(3)]
    ten = {"action": "increment", "rowId": "a", "data": {"column": "count", "value": 10}}
    await sales.stage(one, ten)
    await counting.increment_row_column(call, "d", "t", "a", "count", 5, transaction_id=two)
    await counting.decrement_row_column(call, "d", "t", "a", "count", 1, transaction_id=three)
    await sales.end(one)
    await shop.update("a", name="B")
    await sales.end(two)
    await sales.end(three)
    assert await sales.listed() == {"a": ("B", 14)}


async def test_counting_with_another_change_of_the_row_conflicts(sales: Sales) -> None:
    shop = sales.shop
    ten = {"action": "increment", "rowId": "a", "data": {"column": "count", "value": 10}}
    change = {"action": "update", "rowId": "a", "data": {"name": "mine"}}
    for staged in ([ten, change], [change, ten]):
        await shop.upsert("a", name="A", count=0)
        transaction = await sales.begin()
        for operation in staged:
            await sales.stage(transaction, operation)
        await shop.update("a", name="theirs")
        assert await refusal(sales.end(transaction)) == "transaction_conflict"
        assert await sales.listed() == {"a": ("theirs", 0)}


async def test_bounds_of_counting_are_judged_at_the_commit(sales: Sales) -> None:
    shop, call = sales.shop, sales.shop.call()
    await shop.create("a", count=5)
    within, beyond = await sales.begin(), await sales.begin()
    for transaction in (within, beyond):
        counted = await counting.increment_row_column(
            call, "d", "t", "a", "count", 3, 6, transaction_id=transaction
        )
        assert on_the_wire(counted)["count"] == 8
        counted = await counting.decrement_row_column(
            call, "d", "t", "a", "count", 1, 2, transaction_id=transaction
        )
    await shop.update("a", count=3)
    await sales.end(within)
    assert await sales.listed() == {"a": (None, 5)}
    assert await refusal(sales.end(beyond)) == "attribute_limit_exceeded"
    assert await sales.listed() == {"a": (None, 5)}


async def test_what_only_the_commit_decides_is_not_shown(sales: Sales) -> None:
    shop, call = sales.shop, sales.shop.call()
    kept = await shop.create("kept")
    transaction = await sales.begin()
    within: Json = {"transaction_id": transaction}
    created = on_the_wire(await rows.create_row(call, "d", "t", "a", {"name": "A"}, **within))
    assert [created[key] for key in ("$sequence", "$createdAt", "$updatedAt")] == ["", "", ""]
    assert (created["$id"], created["name"], created["$tableId"]) == ("a", "A", "t")
    several = on_the_wire(await bulk.create_rows(call, "d", "t", [{"$id": "b"}, {"name": "c"}], **within))
    assert several == {"total": 2, "rows": []}
    changed = on_the_wire(await rows.update_row_data(call, "d", "t", "a", {"count": 1}, **within))
    found = on_the_wire(await row_reading.list_rows(call, "d", "t", **within))["rows"]
    assert [row["$sequence"] for row in (changed, *found)] == ["", kept["$sequence"], "", "", ""]
    await sales.end(transaction)
    assert all(int(row["$sequence"]) < 2**32 for row in (await shop.find())["rows"])


async def test_a_staged_row_can_have_an_id_that_is_taken(sales: Sales) -> None:
    shop, call = sales.shop, sales.shop.call()
    await shop.create("a", name="theirs")
    for freed in (True, False):
        transaction = await sales.begin()
        within: Json = {"transaction_id": transaction}
        row = on_the_wire(await rows.create_row(call, "d", "t", "a", {"name": "mine"}, **within))
        assert (row["$id"], row["name"], row["$sequence"]) == ("a", "mine", "")
        many = [{"$id": "a"}, {"$id": "b"}]
        if not freed:
            listed = on_the_wire(await bulk.create_rows(call, "d", "t", many, **within))
            assert listed == {"total": 2, "rows": []}
        wrong = rows.create_row(call, "d", "t", "a", {"count": "many"}, **within)
        assert await refusal(wrong) == "row_invalid_structure"
        assert (await sales.get(transaction))["operations"] == (1 if freed else 2)
        assert await sales.listed(transaction) == await sales.listed()
        if freed:
            await shop.delete("a")
            await sales.end(transaction)
        else:
            assert await refusal(sales.end(transaction)) == "transaction_conflict"
    assert await sales.listed() == {"a": ("mine", None)}


async def test_what_was_read_before_it_was_counted_may_change(sales: Sales) -> None:
    await sales.shop.create("a", count=1)
    transaction = await sales.begin()
    await sales.row("a", transaction)
    counted = {"action": "increment", "rowId": "a", "data": {"column": "count", "value": 1}}
    await sales.stage(transaction, counted)
    await sales.shop.update("a", count=10)
    await sales.end(transaction)
    assert await sales.listed() == {"a": (None, 11)}


async def test_a_staged_row_can_be_changed_though_others_have_made_it_meanwhile(sales: Sales) -> None:
    shop, call = sales.shop, sales.shop.call()
    transaction = await sales.begin()
    await rows.create_row(call, "d", "t", "r", {"count": 1}, transaction_id=transaction)
    await shop.create("r", count=5)
    changed = await rows.update_row_data(call, "d", "t", "r", {"count": 2}, transaction_id=transaction)
    assert on_the_wire(changed)["count"] == 2
    assert await refusal(sales.end(transaction)) == "transaction_conflict"


async def test_an_id_that_is_taken_meanwhile_or_before_is_a_conflict(sales: Sales) -> None:
    for order in ("before", "after"):
        if order == "before":
            await sales.shop.create(order)
        transaction = await sales.begin()
        await sales.stage(transaction, {"action": "create", "rowId": order, "data": {}})
        if order == "after":
            await sales.shop.create(order)
        assert await refusal(sales.end(transaction)) == "transaction_conflict"


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"action": "create", "rowId": "x", "data": {"count": "many"}}, "document_invalid_structure"),
        ({"action": "create", "rowId": "x", "data": {"unknown": 1}}, "document_invalid_structure"),
        ({"action": "update", "rowId": "a", "data": {"name": "n" * 101}}, "document_invalid_structure"),
        (
            {"action": "increment", "rowId": "a", "data": {"column": "count", "value": 5, "max": 3}},
            "attribute_limit_exceeded",
        ),
        ({"action": "bulkDelete", "data": {"queries": ["nonsense"]}}, "general_query_invalid"),
    ],
)
async def test_what_is_wrong_with_an_operation_undoes_all(
    sales: Sales, operation: Json, expected: str
) -> None:
    await sales.shop.create("a", name="A", count=1)
    transaction = await sales.begin()
    first = {"action": "create", "rowId": "first", "data": {}}
    assert (await sales.stage(transaction, first, operation))["operations"] == 2
    before = len(await sales.shop.row_events())
    assert await refusal(sales.end(transaction)) == expected
    assert await sales.listed() == {"a": ("A", 1)}
    assert len(await sales.shop.row_events()) == before
    assert (await sales.get(transaction))["status"] == "failed"


async def test_what_cannot_be_staged(sales: Sales) -> None:
    transaction = await sales.begin()
    create = {"action": "create", "rowId": "a", "data": {}}
    for operation, expected in (
        ({"action": "update", "rowId": "none", "data": {"count": 1}}, "document_not_found"),
        ({"action": "delete", "rowId": "none"}, "document_not_found"),
        ({"action": "create", "tableId": "none", "rowId": "x", "data": {}}, "collection_not_found"),
        ({"action": "create", "databaseId": "none", "rowId": "x", "data": {}}, "database_not_found"),
    ):
        assert await refusal(sales.stage(transaction, create, operation)) == expected
    assert await refusal(sales.stage(transaction)) == "general_bad_request"
    assert (await sales.get(transaction))["operations"] == 0
    assert await refusal(sales.stage("none", create)) == "transaction_not_found"
    call = sales.shop.call()
    for commit, rollback in ((False, False), (True, True)):
        update = transactions.update_transaction(call, transaction, commit, rollback)
        assert await refusal(update) == "general_bad_request"


_PLACE = {"databaseId": "d", "tableId": "t"}
_ROW = {**_PLACE, "rowId": "a"}
_NO_LISTS: tuple[object, ...] = (None, "", "[]", {}, 0)
_NO_DATA: tuple[object, ...] = (None, "", [], {}, '{"queries":[]}')


@pytest.mark.parametrize(
    "operation",
    [
        "create",
        {"action": "explode", **_PLACE},
        {"action": ["create"], **_ROW, "data": {}},
        {"action": "create", "tableId": "t", "rowId": "a", "data": {}},
        {"action": "create", "databaseId": "d", "rowId": "a", "data": {}},
        {"action": "create", **_ROW, "data": [1]},
        {"action": "create", **_PLACE, "rowId": "../x", "data": {}},
        {"action": "create", **_ROW, "data": {"$permissions": ["fly"]}},
        {"action": "update", **_PLACE, "rowId": "unique()", "data": {}},
        {"action": "increment", **_ROW, "data": {}},
        {"action": "increment", **_ROW, "data": {"column": "count", "value": "many"}},
        {"action": "increment", **_ROW, "data": {"column": "count", "value": None}},
        {"action": "increment", **_ROW, "data": {"column": "count", "value": 1, "max": None}},
        {"action": "decrement", **_ROW, "data": {"column": "count", "value": 1, "min": ""}},
        {"action": "bulkCreate", **_PLACE, "data": {}},
        {"action": "bulkCreate", **_PLACE},
        {"action": "bulkUpdate", **_PLACE, "data": {"queries": []}},
        {"action": "bulkUpdate", **_PLACE, "data": {"queries": [1], "data": {"count": 0}}},
        {"action": "bulkUpdate", **_PLACE, "data": {"data": {"count": 0}}},
        {"action": "bulkUpdate", **_PLACE, "queries": [], "data": {"data": {"count": 0}}},
        *({"action": "bulkDelete", **_PLACE, "data": {"queries": none}} for none in _NO_LISTS),
        *({"action": "bulkDelete", **_PLACE, "data": none} for none in _NO_DATA),
        {"action": "bulkDelete", **_PLACE},
        {"action": "bulkDelete", **_PLACE, "queries": []},
        *(
            {"action": action, **_ROW, "data": none}
            for action in ("create", "update", "upsert", "increment")
            for none in (None, "{}", 1)
        ),
        *(
            {"action": action, **_PLACE, **row, "data": {"column": "count", "$id": "a"}}
            for action in ("create", "update", "upsert", "delete", "increment", "decrement")
            for row in ({}, {"rowId": None}, {"rowId": ""}, {"rowId": " "})
        ),
    ],
)
def test_incomplete_and_malformed_operations(operation: object) -> None:
    with pytest.raises(InvalidParameterError, match=r"^Operation 2"):
        OPERATIONS.convert([{"action": "create", **_ROW, "data": {}}, operation])


async def test_limits(sales: Sales) -> None:
    world = sales.shop.world
    small = msgspec.structs.replace(
        world.settings,
        transaction_max_operations=3,
        transaction_max_rows=4,
        transaction_max_bytes=5_000,
        transaction_max_pending=2,
    )
    sales.shop.world = replace(world, settings=small)
    create = {"action": "create", "rowId": "unique()", "data": {"name": "n"}}
    exceeded = "transaction_limit_exceeded"
    one, two = await sales.begin(), await sales.begin()
    assert await refusal(sales.begin()) == exceeded
    assert await refusal(sales.stage(one, *[create] * 4)) == exceeded
    await sales.stage(one, *[create] * 3)
    assert await refusal(sales.stage(one, create)) == exceeded
    call = sales.shop.call()
    assert await refusal(rows.create_row(call, "d", "t", "unique()", {}, transaction_id=one)) == exceeded
    await sales.end(one, "rollback")
    for number in range(5):
        await sales.shop.create(f"r{number}")
    assert await refusal(sales.stage(two, {"action": "bulkDelete", "data": {"queries": []}})) == exceeded
    assert await refusal(row_reading.list_rows(call, "d", "t", transaction_id=two)) == exceeded
    many = [{"name": "n" * 100, "$permissions": [f'read("user:{each}")' for each in range(90)]}] * 4
    assert await refusal(sales.stage(two, {"action": "bulkCreate", "data": many})) == exceeded
    assert (await sales.get(two))["operations"] == 0


async def test_an_expired_transaction_is_of_no_use_and_goes(sales: Sales, tmp_path: Path) -> None:
    world = sales.shop.world
    transaction = await sales.begin(ttl=60)
    await sales.stage(transaction, {"action": "create", "rowId": "a", "data": {}})

    async def age(expires_at: int) -> None:
        changed = kept.update().values(expires_at=expires_at)
        await world.database.write(lambda unit: unit.connection.execute(changed))

    await age(now())
    expired = "transaction_expired"
    assert await refusal(sales.stage(transaction, {"action": "create", "rowId": "y", "data": {}})) == expired
    assert await refusal(sales.end(transaction)) == expired
    assert await refusal(sales.end(transaction, "rollback")) == expired
    assert await refusal(sales.row("a", transaction)) == expired
    assert (
        await refusal(rows.delete_row(sales.shop.call(), "d", "t", "a", transaction_id=transaction))
        == expired
    )
    store = await world.instance.project("p1")
    assert store is not None
    settings = msgspec.structs.replace(world.settings, data_dir=str(tmp_path))
    await maintain_project(store, settings)
    assert (await sales.get(transaction))["operations"] == 1
    await age(now() - world.settings.transaction_max_age * 1000)
    await maintain_project(store, settings)
    assert await refusal(sales.get(transaction)) == "transaction_not_found"
    for table in (kept, transaction_operations, transaction_rows):
        statement = table.select()
        left = await world.database.read(
            partial(lambda of, connection: connection.execute(of).all(), statement)
        )
        assert left == []


async def test_others_have_no_part_in_it(sales: Sales, world: World) -> None:
    ann, ben = await world.user("ann"), await world.user("ben")
    transaction = await sales.begin(ann)
    of_keys = await sales.begin()
    create = {"action": "create", "rowId": "x", "data": {}}
    missing = "transaction_not_found"
    for caller, foreign in ((ben, transaction), (GUEST, transaction), (ann, of_keys), (GUEST, of_keys)):
        call = sales.shop.call(caller)
        assert await refusal(sales.get(foreign, caller)) == missing
        assert await refusal(sales.stage(foreign, create, caller=caller)) == missing
        assert await refusal(sales.end(foreign, caller=caller)) == missing
        assert await refusal(sales.end(foreign, "rollback", caller)) == missing
        assert await refusal(transactions.delete_transaction(call, foreign)) == missing
        assert await refusal(sales.row("x", foreign, caller)) == missing
        assert await refusal(rows.create_row(call, "d", "t", "x", {}, transaction_id=foreign)) == missing
        listed = await transactions.list_transactions(call)
        assert foreign not in [each.id for each in listed.transactions]
    assert await refusal(sales.begin(GUEST)) == "user_unauthorized"
    mine = await transactions.list_transactions(sales.shop.call(ann))
    assert [each.id for each in mine.transactions] == [transaction]
    everything = await transactions.list_transactions(sales.shop.call())
    assert {each.id for each in everything.transactions} == {transaction, of_keys}


async def test_a_commit_goes_by_the_rights_of_who_staged(shop: Shop, world: World) -> None:
    await shop.table([column("name", "varchar")], 'create("user:ann")', row_security=True)
    sales, ann = Sales(shop), await world.user("ann")
    await shop.create("hidden", name="of others")
    await shop.create("seen", permissions=['read("user:ann")'], name="of others")
    transaction = await sales.begin(ann)
    unauthorized = "user_unauthorized"
    update = {"action": "update", "data": {"name": "mine"}}
    assert await refusal(sales.stage(transaction, {**update, "rowId": "seen"}, caller=ann)) == unauthorized
    hidden = {**update, "rowId": "hidden"}
    assert await refusal(sales.stage(transaction, hidden, caller=ann)) == "document_not_found"
    granting = {"action": "create", "rowId": "g", "data": {"$permissions": ['read("user:ben")']}}
    assert await refusal(sales.stage(transaction, granting, caller=ann)) == unauthorized
    for bulk_operation in (
        {"action": "bulkDelete", "data": {"queries": []}},
        {"action": "bulkCreate", "data": [{}]},
    ):
        assert await refusal(sales.stage(transaction, bulk_operation, caller=ann)) == unauthorized
    call = shop.call(ann)
    deletion = bulk.delete_rows(call, "d", "t", transaction_id=transaction)
    assert await refusal(deletion) == "general_unauthorized_scope"
    # Reading within it hides what is hidden outside.
    assert await refusal(sales.row("hidden", transaction, ann)) == "row_not_found"
    await sales.stage(transaction, {"action": "create", "rowId": "own", "data": {"name": "x"}}, caller=ann)
    # A server commits, by the rights of the user.
    await sales.end(transaction)
    assert (await shop.get("own"))["$permissions"] == [
        'read("user:ann")',
        'update("user:ann")',
        'delete("user:ann")',
    ]


async def test_rights_that_are_lost_before_the_commit_are_missing_then(shop: Shop, world: World) -> None:
    await shop.table([column("name", "varchar")], 'create("user:ann")')
    sales, ann = Sales(shop), await world.user("ann")
    transaction = await sales.begin(ann)
    await sales.stage(transaction, {"action": "create", "rowId": "own", "data": {}}, caller=ann)
    await shop.world.database.write(
        lambda unit: unit.connection.exec_driver_sql("UPDATE user_tables SET permissions='[]', version='v2'")
    )
    assert await refusal(sales.end(transaction, caller=ann)) == "transaction_failed"
    assert await refusal(shop.get("own")) == "row_not_found"


async def test_what_a_server_staged_a_user_may_commit(shop: Shop, world: World) -> None:
    await shop.table([column("name", "varchar")])
    sales, ann = Sales(shop), await world.user("ann")
    transaction = await sales.begin(ann)
    await sales.stage(transaction, {"action": "create", "rowId": "x", "data": {"name": "by the server"}})
    await sales.end(transaction, caller=ann)
    assert (await shop.get("x"))["name"] == "by the server"


async def test_an_update_of_a_row_that_is_newer_than_the_client_says(sales: Sales) -> None:
    shop = sales.shop
    row = await shop.create("a", count=1)
    call = shop.call()
    seen = now()
    call.context.requested_at = seen
    await rows.update_row_data(call, "d", "t", "a", {"count": 2})
    # Servers may say when a row was changed; so no test has to wait.
    later = "2999-01-01T00:00:00.000+00:00"
    await rows.update_row_data(shop.call(), "d", "t", "a", {"$updatedAt": later})
    transaction = await sales.begin()
    conflict = "row_update_conflict"
    for within in (None, transaction):
        named: Json = {"transaction_id": within}
        assert await refusal(rows.update_row_data(call, "d", "t", "a", {"count": 3}, **named)) == conflict
        assert await refusal(rows.upsert_row(call, "d", "t", "a", {"count": 3}, **named)) == conflict
        assert await refusal(rows.delete_row(call, "d", "t", "a", **named)) == conflict
        assert await refusal(counting.increment_row_column(call, "d", "t", "a", "count", **named)) == conflict
        assert await refusal(bulk.update_rows(call, "d", "t", {"count": 3}, **named)) == conflict
        assert await refusal(bulk.delete_rows(call, "d", "t", **named)) == conflict
        assert (
            await refusal(bulk.upsert_rows(call, "d", "t", [{"$id": "a", "count": 3}], **named)) == conflict
        )
        await rows.create_row(call, "d", "t", f"b{within}", {}, **named)
    older = msgspec.structs.replace(call, dialect=COLLECTIONS)
    with pytest.raises(TidewireError) as error:
        await rows.update_row_data(older, "d", "t", "a", {"count": 3})
    assert (error.value.type, error.value.code) == ("document_update_conflict", 409)
    assert (await shop.get("a"))["count"] == 2
    assert row["count"] == 1


async def test_operators_and_times_are_of_the_commit(sales: Sales) -> None:
    await sales.shop.create("a", name="x", count=2)
    transaction = await sales.begin()
    data = {"count": operator("multiply", 5), "name": operator("stringConcat", "y")}
    await sales.stage(transaction, {"action": "update", "rowId": "a", "data": data})
    assert await sales.listed(transaction) == {"a": ("xy", 10)}
    await sales.end(transaction)
    assert await sales.listed() == {"a": ("xy", 10)}


async def test_one_request_changes_a_bounded_number_of_rows(sales: Sales) -> None:
    shop = sales.shop
    await shop.fill(*({"$id": f"r{number}", "count": 0} for number in range(5)))
    before = await shop.row_events()
    for limit in ({"bulk_bytes_max": 900}, {"bulk_rows_max": 4}):
        settings = msgspec.structs.replace(shop.world.settings, **limit)
        shop.world = replace(shop.world, settings=settings)
        assert await refusal(bulk.update_rows(shop.call(), "d", "t", {"count": 1})) == "general_bad_request"
        assert await refusal(bulk.delete_rows(shop.call(), "d", "t")) == "general_bad_request"
    settings = msgspec.structs.replace(shop.world.settings, bulk_bytes_max=2**20)
    shop.world = replace(shop.world, settings=settings)
    assert {count for _, count in (await sales.listed()).values()} == {0}
    assert await shop.row_events() == before
    await bulk.delete_rows(shop.call(), "d", "t", [query("limit", "", 4)])
    await bulk.update_rows(shop.call(), "d", "t", {"count": 1})
    assert await sales.listed() == {"r4": (None, 1)}


async def test_what_others_take_meanwhile_is_no_obstacle_before_the_commit(shop: Shop) -> None:
    unique = {"key": "only", "type": "unique", "attributes": ["count"]}
    await shop.table([column("name", "varchar"), column("count", "integer")], indexes=[unique])
    sales = Sales(shop)
    transaction, call = await sales.begin(), shop.call()
    for row_id, count in (("mine", 1), ("both", 2)):
        await rows.create_row(call, "d", "t", row_id, {"count": count}, transaction_id=transaction)
    await shop.create("theirs", count=1)
    await shop.create("both", count=3)
    changed = {"name": "x"}
    for row_id in ("mine", "theirs", "both"):
        await rows.update_row_data(call, "d", "t", row_id, changed, transaction_id=transaction)
    expected = {"mine": ("x", 1), "theirs": ("x", 1), "both": ("x", 2)}
    assert await sales.listed(transaction) == expected
    taken = "row_unique_constraint_violation"
    for count in (1, 2):
        work = rows.update_row_data(call, "d", "t", "theirs", {"count": count}, transaction_id=transaction)
        assert await refusal(work) == ("" if count == 1 else taken)
    await rows.delete_row(call, "d", "t", "theirs", transaction_id=transaction)
    assert await refusal(sales.end(transaction)) == "transaction_conflict"
    assert await sales.listed() == {"theirs": (None, 1), "both": (None, 3)}
