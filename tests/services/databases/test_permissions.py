"""Who may do what with rows, and attempts to learn what one may not read."""

from __future__ import annotations

import pytest

from tests.services.databases.shop import Shop, column, query, refusal
from tests.services.world import GUEST
from tidewire.services.databases import databases, tables
from tidewire.store.user_tables import access


async def test_table_permissions(shop: Shop) -> None:
    ann = await shop.world.user("ann")
    await shop.table([column("a", "integer")])
    await shop.create("r", a=1)
    assert await refusal(shop.create(caller=ann)) == "user_unauthorized"
    assert await refusal(shop.find(caller=ann)) == "user_unauthorized"
    assert await refusal(shop.get("r", ann)) == "row_not_found"
    assert await refusal(shop.update("r", ann, a=2)) == "row_not_found"
    assert await refusal(shop.delete("r", ann)) == "row_not_found"
    assert await refusal(shop.upsert("r", ann, a=2)) == "user_unauthorized"  # as if it were to be created
    await shop.drop()
    await shop.table([column("a", "integer")], 'read("any")', 'write("users")')
    row = await shop.create("r", ann, a=1)
    assert row["$permissions"] == [f'{action}("user:ann")' for action in ("read", "update", "delete")]
    assert await shop.ids(caller=GUEST) == ["r"]
    assert await refusal(shop.update("r", GUEST, a=2)) == "user_unauthorized"
    assert await shop.update("r", GUEST, a=1) == row  # it changes nothing, which readers may do
    bob = await shop.world.user("bob")
    assert (await shop.update("r", bob, a=5))["a"] == 5
    assert await refusal(shop.update("r", bob, ['read("user:ann")'])) == "user_unauthorized"
    await shop.delete("r", bob)


async def test_row_permissions_count_only_where_the_table_says_so(shop: Shop) -> None:
    ann, bob = await shop.world.user("ann"), await shop.world.user("bob")
    await shop.table([column("a", "integer")], 'create("users")', row_security=True)
    await shop.create("mine", ann, a=1)
    await shop.create("shared", ann, ['read("user:ann")', 'read("any")'], a=2)
    assert await shop.ids(caller=ann) == ["mine", "shared"]
    assert await shop.ids(caller=bob) == await shop.ids(caller=GUEST) == ["shared"]
    assert (await shop.find(caller=bob))["total"] == 1
    assert await refusal(shop.get("mine", bob)) == "row_not_found"
    assert await refusal(shop.update("shared", bob, a=3)) == "user_unauthorized"
    assert await refusal(shop.delete("mine", bob)) == "row_not_found"
    assert await refusal(shop.upsert("mine", bob, a=3)) == "row_not_found"
    await shop.update("mine", ann, ['read("user:ann")', 'update("any")'])
    assert (await shop.update("mine", bob, a=9))["a"] == 9
    assert await refusal(shop.get("mine", bob)) == "row_not_found"
    await tables.update_table(shop.call(), "d", "t", row_security=False)
    assert await refusal(shop.find(caller=ann)) == "user_unauthorized"
    await tables.update_table(shop.call(), "d", "t", row_security=True)
    assert await shop.ids(caller=ann) == ["mine", "shared"]
    await shop.delete("mine")
    assert await shop.ids(caller=ann) == ["shared"]


async def test_hidden_rows_cannot_be_learned_of(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob = await shop.world.user("ann"), await shop.world.user("bob")
    indexes = [
        {"key": "u", "type": "unique", "columns": ["a"]},
        {"key": "w", "type": "fulltext", "columns": ["s"]},
    ]
    await shop.table(
        [column("a", "integer"), column("s", "text"), column("p", "point")],
        'create("users")',
        row_security=True,
        indexes=indexes,
    )
    await shop.create("hidden", ann, a=42, s="secret words", p=[1, 1])
    await shop.create("own", bob, a=1, s="other", p=[2, 2])
    attempts = [
        query("equal", "a", 42),
        query("equal", "$id", "hidden"),
        query("search", "s", "secret"),
        query("contains", "s", "secret"),
        query("regex", "s", "^secret"),
        query("distanceLessThan", "p", [[1, 1], 10, True]),
        query("equal", "$sequence", 1),
        '{"method":"or","values":[{"method":"equal","attribute":"a","values":[42]}]}',
    ]
    for few in (5000, -1):
        monkeypatch.setattr(access, "FEW_ROWS", few)
        for attempt in attempts:
            found = await shop.find(attempt, caller=bob)
            assert (found["total"], found["rows"]) == (0, []), attempt
        assert await shop.ids(query("orderRandom"), caller=bob) == ["own"]
        for cursor in ("cursorAfter", "cursorBefore"):
            work = shop.find(query("orderDesc", "a"), query(cursor, "", "hidden"), caller=bob)
            assert await refusal(work) == "general_cursor_not_found"
        assert (await shop.find(query("offset", "", 0), caller=bob))["total"] == 1


@pytest.mark.parametrize("few", [5000, -1], ids=["found by permissions", "permissions looked up"])
async def test_totals_count_each_row_once(shop: Shop, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """Whether a page tells the total, the permissions do, or rows are counted."""
    monkeypatch.setattr(access, "FEW_ROWS", few)
    ann = await shop.world.user("ann")
    await shop.table([column("a", "integer")], row_security=True)
    grants = ['read("any")', 'read("users")', f'read("user:{ann.user_id}")']
    for number in range(7):
        await shop.create(f"r{number}", permissions=grants[: 1 + number % 3], a=number)
    await shop.create("other", permissions=['read("user:other")'], a=1)
    for size in (1, 7, 8):
        for offset in (0, 3, 6, 7, 20):
            page = [query("limit", "", size), query("offset", "", offset)]
            found = await shop.find(*page, caller=ann)
            assert (found["total"], len(found["rows"])) == (7, min(size, max(0, 7 - offset)))
            found = await shop.find(*page, query("lessThan", "a", 5), caller=ann)
            assert (found["total"], len(found["rows"])) == (5, min(size, max(0, 5 - offset)))
            assert (await shop.find(*page))["total"] == 8
    await shop.delete("r3")
    await shop.update("r4", permissions=[])
    assert (await shop.find(query("limit", "", 1), caller=ann))["total"] == 5
    after = await shop.find(query("cursorAfter", "", "r1"), query("limit", "", 3), caller=ann)
    assert (after["total"], [row["$id"] for row in after["rows"]]) == (5, ["r2", "r5", "r6"])


async def test_disabled_tables_exist_for_servers_only(shop: Shop) -> None:
    ann = await shop.world.user("ann")
    await shop.table([column("a", "integer")], 'read("any")')
    await shop.create("r", a=1)
    await tables.update_table(shop.call(), "d", "t", enabled=False, permissions=['read("any")'])
    assert await refusal(shop.find(caller=ann)) == "table_not_found"
    assert await shop.ids() == ["r"]
    await tables.update_table(shop.call(), "d", "t")
    assert await shop.ids(caller=ann) == ["r"]
    await databases.update_database(shop.call(), "d", enabled=False)
    assert await refusal(shop.find(caller=ann)) == "database_not_found"
    assert await refusal(shop.get("r", ann)) == "database_not_found"
    assert await shop.ids() == ["r"]
