"""Relationships within transactions: against the model, and as a way to break in."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.databases.examples import SAME_EACH_TIME, in_a_world
from tests.services.databases.library import ANYONE, Library, select
from tests.services.databases.random_relationships import compare, make, request, schemas
from tests.services.databases.relationship_oracle import Model
from tests.services.databases.sales import Sales
from tests.services.databases.shop import Json, Shop, query, refusal
from tests.services.world import KEY, World
from tidewire.core.identities import Caller
from tidewire.services.databases import tables


@settings(SAME_EACH_TIME, max_examples=15)
@given(st.data())
def test_random_requests_within_a_transaction(data: st.DataObject) -> None:
    async def play(world: World) -> None:
        library = Library(await Shop.open(world))
        before = Model(data.draw(schemas(), "relationships"))
        await make(library, before)
        for _ in range(data.draw(st.integers(0, 3), "requests before")):
            before = await request(library, before, data)
        sales = Sales(library.shop)
        transaction = await sales.begin()
        within, model = replace(library, transaction=transaction), copy.deepcopy(before)
        for _ in range(data.draw(st.integers(1, 6), "requests within")):
            model = await request(within, model, data)
            if data.draw(st.booleans(), "another process"):
                world.database.staging.forget(transaction)
            await compare(within, model)
        await compare(library, before)
        assert (await sales.end(transaction))["status"] == "committed"
        await compare(library, model)

    in_a_world(play)


OWN = ('create("users")',)


class Attempt:
    """Ann in a transaction of hers; notes are read by those whom they say, posts by everybody."""

    def __init__(self, library: Library, ann: Caller, bob: Caller, within: Library, sales: Sales) -> None:
        self.outside = library
        self.within = within
        self.ann = ann
        self.bob = bob
        self.sales = sales

    @classmethod
    async def begin(cls, library: Library, relation_type: Any, **given: Any) -> Attempt:
        await library.table("posts", *ANYONE)
        await library.table("notes", *OWN, row_security=True)
        await library.relate("posts", "notes", relation_type, "notes", back="post", **given)
        world, sales = library.shop.world, Sales(library.shop)
        ann, bob = await world.user("ann"), await world.user("bob")
        await library.create("notes", "bobs", bob, name="secret", n=42)
        await library.create("notes", "seen", bob, permissions=['read("any")', 'update("user:bob")'])
        within = replace(library, transaction=await sales.begin(ann))
        return cls(library, ann, bob, within, sales)

    async def end(self, how: str = "commit") -> str:
        assert self.within.transaction is not None
        return await refusal(self.sales.end(self.within.transaction, how, self.ann))

    async def stage(self, caller: Caller, *operations: Json) -> str:
        """Stage a list of operations; what it is refused for."""
        assert self.within.transaction is not None
        return await refusal(self.sales.stage(self.within.transaction, *operations, caller=caller))


@pytest.mark.parametrize("relation_type", ["oneToMany", "manyToMany"])
async def test_staging_shows_and_takes_no_hidden_rows(library: Library, relation_type: str) -> None:
    attempt = await Attempt.begin(library, relation_type)
    within, ann = attempt.within, attempt.ann
    for hidden in ("bobs", "missing"):
        work = within.create("posts", "p", ann, notes=[hidden])
        assert await refusal(work) == "relationship_value_invalid"
    taken = [{"$id": "bobs", "name": "mine"}]
    assert await refusal(within.create("posts", "p", ann, notes=taken)) == "relationship_value_invalid"
    copied = [{"$id": "bobs", "name": "secret", "n": 42}]
    assert await refusal(within.create("posts", "p", ann, notes=copied)) != ""
    granted = [{"$id": "x", "$permissions": ['read("user:bob")']}]
    assert await refusal(within.create("posts", "p", ann, notes=granted)) == "user_unauthorized"
    operation = {"action": "create", "tableId": "posts", "rowId": "p", "data": {"notes": granted}}
    assert await attempt.stage(ann, operation) == "user_unauthorized"
    # A list of operations is refused for this at its commit, as for a row that is not there.
    taking = await attempt.sales.begin(ann)
    operation = {"action": "create", "tableId": "posts", "rowId": "taking", "data": {"notes": taken}}
    assert await refusal(attempt.sales.stage(taking, operation, caller=ann)) == ""
    assert await refusal(attempt.sales.end(taking, "commit", ann)) == "relationship_value_invalid"
    assert await within.ids("posts", caller=ann) == []
    assert await within.ids("notes", caller=ann) == ["seen"]
    await within.create("posts", "p", ann, notes=[{"$id": "own", "name": "a"}])
    assert await attempt.end() == ""
    assert (await library.get("notes", "bobs"))["name"] == "secret"
    assert await library.related("posts", "p", "notes") == ["own"]


async def test_what_a_server_stages_in_it_stays_hidden(library: Library) -> None:
    attempt = await Attempt.begin(library, "oneToMany")
    within, ann = attempt.within, attempt.ann
    # In ann's transaction, by a server: rows that she may not read, and one that she may no longer.
    await within.create("notes", "staged", permissions=['read("user:bob")'], name="staged secret", n=7)
    await within.create("posts", "p", notes=["bobs", "staged", "seen"])
    await within.update("notes", "seen", n=1)
    assert await within.related("posts", "p", "notes") == ["bobs", "seen", "staged"]
    assert await within.related("posts", "p", "notes", ann) == ["seen"]
    assert await within.ids("notes", caller=ann) == ["seen"]
    assert (await within.find("notes", caller=ann))["total"] == 1
    assert await refusal(within.get("notes", "staged", caller=ann)) == "row_not_found"
    for learning in (
        query("startsWith", "notes.name", "s"),
        query("greaterThan", "notes.n", 5),
        query("equal", "notes", "staged"),
    ):
        assert await within.ids("posts", learning, caller=ann) == []
        assert await within.ids("posts", learning) == ["p"]
    listed = await within.find("posts", select("*", "notes.*"), caller=ann)
    assert [note["$id"] for note in listed["rows"][0]["notes"]] == ["seen"]
    cursor = query("cursorAfter", "", "staged")
    assert await refusal(within.find("notes", cursor, caller=ann)) == "general_cursor_not_found"
    blind = [{"action": "update", "tableId": "notes", "rowId": "seen", "data": {"$permissions": []}}]
    assert await attempt.stage(KEY, *blind) == ""
    assert await within.ids("notes", caller=ann) == []
    assert await within.related("posts", "p", "notes", ann) == []
    assert await library.ids("notes", caller=ann) == ["seen"]
    assert await refusal(within.update("notes", "seen", ann, n=2)) == "row_not_found"


@pytest.mark.parametrize("relation_type", ["oneToOne", "manyToMany"])
async def test_nobody_deletes_others_rows_by_staging(library: Library, relation_type: str) -> None:
    attempt = await Attempt.begin(library, relation_type, on_delete="cascade")
    within, ann, many = attempt.within, attempt.ann, relation_type == "manyToMany"
    related: Any = ["seen"] if many else "seen"
    await library.create("posts", "trap", notes=related)
    assert await refusal(within.delete("posts", "trap", ann)) == "user_unauthorized"
    deletion = {"action": "delete", "tableId": "posts", "rowId": "trap"}
    assert await attempt.stage(ann, deletion) == "user_unauthorized"
    rights = ['read("user:ann")', 'delete("user:ann")']
    own: dict[str, Any] = {"$id": "own", "$permissions": rights}
    await within.update("posts", "trap", ann, notes=[own] if many else own)
    await within.delete("posts", "trap", ann)
    assert await within.ids("notes", caller=ann) == ["seen"]
    assert await attempt.end() == ""
    assert await library.ids("posts") == []
    assert await library.ids("notes") == ["bobs", "seen"]


async def test_related_rows_are_committed_by_the_rights_of_then(library: Library) -> None:
    attempt = await Attempt.begin(library, "oneToMany", on_delete="cascade")
    within, ann = attempt.within, attempt.ann
    await within.create("posts", "p", ann, notes=[{"$id": "own", "name": "a"}])
    await tables.update_table(library.shop.call(), "d", "notes", permissions=[], row_security=True)
    # The table is another one now; what is staged of it is not to be seen any more.
    assert await within.ids("posts", caller=ann) == []
    assert await attempt.end() == "transaction_failed"
    assert await library.ids("posts") == []
    assert await library.ids("notes") == ["bobs", "seen"]


async def test_a_related_row_that_others_changed_is_a_conflict(library: Library) -> None:
    attempt = await Attempt.begin(library, "oneToMany", on_delete="cascade")
    within, ann, bob = attempt.within, attempt.ann, attempt.bob
    await library.create("posts", "p", notes=[{"$id": "child", "$permissions": ['update("user:bob")']}])
    await within.delete("posts", "p", ann)
    # The deletion takes the child with it.
    await library.update("notes", "child", bob, name="changed")
    assert await attempt.end() == "transaction_conflict"
    assert await library.related("posts", "p", "notes") == ["child"]


async def test_events_of_related_rows_come_with_the_commit(library: Library) -> None:
    attempt = await Attempt.begin(library, "oneToMany", on_delete="cascade")
    within, ann = attempt.within, attempt.ann
    before = len(await library.happened())
    await within.create("posts", "p", ann, notes=[{"$id": "one"}, {"$id": "two"}])
    await within.update("posts", "p", ann, notes=["two"])
    await within.delete("posts", "p", ann)
    assert len(await library.happened()) == before
    assert await attempt.end() == ""
    assert (await library.happened())[before:] == [
        "posts.p.create",
        "notes.one.create",
        "notes.two.create",
        "posts.p.update",
        "notes.one.update",
        "posts.p.delete",
        "notes.two.delete",
    ]
    for _, event in (await library.shop.row_events())[before:]:
        assert b'"notes":' not in event.payload
        assert (event.roles == ["user:ann"]) == (event.parameters["tableId"] == "notes")


async def test_bulk_operations_relate_rows_within_it(library: Library) -> None:
    attempt = await Attempt.begin(library, "manyToMany", on_delete="cascade")
    within = attempt.within
    many = [{"$id": "p1", "notes": ["bobs"]}, {"$id": "p2", "notes": ["bobs", {"$id": "new", "n": 1}]}]
    assert await attempt.stage(KEY, {"action": "bulkCreate", "tableId": "posts", "data": many}) == ""
    assert await within.related("posts", "p2", "notes") == ["bobs", "new"]
    relating = {"queries": [query("equal", "notes.n", 1)], "data": {"notes": ["seen"]}}
    assert await attempt.stage(KEY, {"action": "bulkUpdate", "tableId": "posts", "data": relating}) == ""
    assert await within.related("posts", "p2", "notes") == ["seen"]
    deletion = {"queries": [query("equal", "notes", "bobs")]}
    assert await attempt.stage(KEY, {"action": "bulkDelete", "tableId": "posts", "data": deletion}) == ""
    assert await within.ids("notes") == ["seen", "new"]
    before = len(await library.happened())
    assert await attempt.end() == ""
    assert await library.ids("notes") == ["seen", "new"]
    assert await library.ids("posts") == ["p2"]
    # The related rows that were written and deleted with them are told of as well.
    told = (await library.happened())[before:]
    posts = ["posts.p1.create", "posts.p2.create", "notes.new.create", "posts.p2.update"]
    assert told == [*posts, "posts.p1.delete", "notes.bobs.delete"]
    assert all(event.audience == "" for _, event in (await library.shop.row_events())[before:])
