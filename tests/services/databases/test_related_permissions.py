"""Attempts to read, write and learn through relationships what one may not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.databases.library import ANYONE, Library, select
from tests.services.databases.shop import decoded, own, query, refusal
from tests.services.world import GUEST
from tidewire.core.identities import Caller
from tidewire.services.databases import tables

OWN = ('create("users")',)


async def library_of_ann(library: Library, relation_type: Any, *, back: bool = True) -> tuple[Caller, Caller]:
    """Everybody's posts, whose notes are read by those whom the notes say."""
    await library.table("posts", *ANYONE)
    await library.table("notes", *OWN, row_security=True)
    await library.relate("posts", "notes", relation_type, "notes", back="post" if back else None)
    ann, bob = await library.shop.world.user("ann"), await library.shop.world.user("bob")
    return ann, bob


@pytest.mark.parametrize("relation_type", ["oneToMany", "manyToMany"])
async def test_hidden_rows_are_absent_from_lists(library: Library, relation_type: str) -> None:
    ann, bob = await library_of_ann(library, relation_type)
    shared = {"$id": "shared", "name": "s", "$permissions": ['read("any")']}
    written = await library.create("posts", "p", ann, notes=[{"$id": "own", "name": "secret"}, shared])
    assert [note["$id"] for note in written["notes"]] == ["own", "shared"]
    assert await library.related("posts", "p", "notes", ann) == ["own", "shared"]
    for caller in (bob, GUEST):
        assert await library.related("posts", "p", "notes", caller) == ["shared"]
        listed = await library.find("posts", select("*", "notes.*"), caller=caller)
        assert [note["$id"] for note in listed["rows"][0]["notes"]] == ["shared"]
        deep = await library.get("notes", "shared", "post.notes.name", caller=caller)
        post = deep["post"][0] if relation_type == "manyToMany" else deep["post"]
        assert own(post) == {"notes": [{"name": "s"}]}
    await library.update("posts", "p", bob, notes=[])
    assert await library.related("posts", "p", "notes") == ["own"]
    await tables.update_table(library.shop.call(), "d", "notes", row_security=False)
    for caller in (ann, bob):
        assert await library.related("posts", "p", "notes", caller) == []
    await tables.update_table(library.shop.call(), "d", "notes", row_security=True, enabled=False)
    assert await library.related("posts", "p", "notes", ann) == []
    assert await library.related("posts", "p", "notes") == ["own"]


@pytest.mark.parametrize("relation_type", ["manyToOne", "oneToOne"])
async def test_a_hidden_row_is_null(library: Library, relation_type: str) -> None:
    ann, bob = await library_of_ann(library, relation_type)
    await library.create("posts", "p", ann, notes={"$id": "own", "name": "secret"})
    assert await library.related("posts", "p", "notes", ann) == "own"
    assert own(await library.get("posts", "p", "notes.*", caller=bob)) == {"notes": None}
    listed = await library.find("posts", select("$id", "notes.name"), caller=bob)
    assert own(listed["rows"]) == [{"notes": None}]
    assert "notes" not in await library.update("posts", "p", bob, name="x")


@pytest.mark.parametrize("relation_type", ["oneToOne", "oneToMany", "manyToOne", "manyToMany"])
async def test_filters_do_not_see_what_the_caller_does_not(library: Library, relation_type: str) -> None:
    ann, bob = await library_of_ann(library, relation_type)
    own = {"$id": "own", "name": "secret", "n": 42}
    many = relation_type in {"oneToMany", "manyToMany"}
    await library.create("posts", "p", ann, notes=[own] if many else own)
    seeing = [
        query("equal", "notes.name", "secret"),
        query("startsWith", "notes.name", "s"),
        query("greaterThan", "notes.n", 0),
        query("notEqual", "notes.n", 41),
        query("equal", "notes.$id", "own"),
        query("equal", "notes", "own"),
        query("isNotNull", "notes"),
        query("isNotNull", "notes.name"),
        query("isNull", "notes.$id").replace("isNull", "isNotNull"),
        query("equal", "notes.post.notes.name", "secret"),
        query("or", "", {"method": "equal", "attribute": "notes.name", "values": ["secret"]}),
    ]
    for attempt in seeing:
        assert await library.ids("posts", attempt, caller=ann) == ["p"], attempt
        found = await library.find("posts", attempt, caller=bob)
        assert (found["total"], found["rows"]) == (0, []), attempt
    assert await library.ids("posts", query("isNull", "notes"), caller=ann) == []
    assert await library.ids("posts", query("isNull", "notes"), caller=bob) == ["p"]
    for order in ("orderAsc", "orderDesc"):
        for key in ("notes", "notes.name", "notes.$id"):
            assert await refusal(library.find("posts", query(order, key), caller=bob)) == (
                "general_query_invalid"
            )
    await tables.update_table(library.shop.call(), "d", "notes", row_security=False)
    for attempt in seeing:
        assert await library.ids("posts", attempt, caller=ann) == [], attempt
    assert await library.ids("posts", query("isNull", "notes"), caller=ann) == ["p"]
    assert await library.ids("posts", query("isNotNull", "notes")) == ["p"]
    cursor = query("cursorAfter", "", "own")
    assert await refusal(library.find("posts", cursor, caller=bob)) == "general_cursor_not_found"


async def test_linking_takes_the_right_to_read_and_naming_that_to_update(library: Library) -> None:
    ann, bob = await library_of_ann(library, "oneToMany")
    await library.create("notes", "hidden", ann)
    await library.create("notes", "seen", ann, permissions=['read("any")', 'update("user:ann")'])
    for given in (["hidden"], ["missing"]):
        work = library.create("posts", "p", bob, notes=given)
        assert await refusal(work) == "relationship_value_invalid"
    assert await refusal(library.create("posts", "p", bob, notes=["seen"])) == "user_unauthorized"
    changed = [{"$id": "seen", "name": "other"}]
    assert await refusal(library.create("posts", "p", bob, notes=changed)) == "user_unauthorized"
    taken = [{"$id": "hidden", "name": "other"}]
    assert await refusal(library.create("posts", "p", bob, notes=taken)) == "relationship_value_invalid"
    assert await library.ids("posts") == []
    assert (await library.get("notes", "hidden"))["name"] is None
    assert await refusal(library.create("posts", "p", GUEST, notes=[{"name": "new"}])) == "user_unauthorized"
    await library.create("posts", "p", bob, notes=[{"$id": "new", "name": "b"}])
    assert await refusal(library.get("notes", "new", caller=ann)) == "row_not_found"
    foreign = [{"$id": "x", "$permissions": ['read("user:ann")']}]
    assert await refusal(library.update("posts", "p", bob, notes=foreign)) == "user_unauthorized"
    await library.update("posts", "p", ann, notes=["seen"])
    assert await library.related("posts", "p", "notes") == ["seen", "new"]


async def test_answers_to_writes_leave_hidden_rows_out(library: Library) -> None:
    ann, bob = await library_of_ann(library, "manyToMany")
    blind = ['update("user:bob")', 'read("user:ann")']
    await tables.update_table(library.shop.call(), "d", "notes", permissions=list(OWN), row_security=True)
    await library.create("notes", "blind", permissions=blind, name="secret")
    answer = await library.create("posts", "p", bob, notes=[{"$id": "blind", "n": 1}])
    assert answer["notes"] == []
    assert await library.related("posts", "p", "notes", ann) == ["blind"]
    unreadable = [{"name": "mine", "$permissions": []}]
    assert (await library.update("posts", "p", bob, notes=unreadable))["notes"] == []


async def test_events_carry_no_related_rows(library: Library) -> None:
    ann, _ = await library_of_ann(library, "oneToMany")
    await library.create("posts", "p", ann, notes=[{"$id": "own", "name": "secret"}])
    await library.update("posts", "p", ann, name="x", notes=[{"$id": "two", "name": "secret"}])
    await library.upsert("posts", "p", ann, notes=["own"])
    await library.delete("posts", "p", ann)
    for _, event in await library.shop.row_events():
        fields = decoded(event)
        assert not fields.keys() & {"notes", "post"}
        if event.parameters["tableId"] == "posts":
            assert b"secret" not in event.payload
            assert "any" in event.roles
        else:
            assert event.roles == ["user:ann"]


@pytest.mark.parametrize("relation_type", ["oneToOne", "manyToMany"])
async def test_nobody_deletes_others_rows_by_linking_them(library: Library, relation_type: Any) -> None:
    await library.table("posts", *ANYONE)
    await library.table("notes", *OWN, row_security=True)
    await library.relate("posts", "notes", relation_type, "notes", on_delete="cascade")
    ann, bob = await library.shop.world.user("ann"), await library.shop.world.user("bob")
    await library.create("notes", "anns", ann, permissions=['read("any")', 'delete("user:ann")'])
    many = relation_type == "manyToMany"
    await library.create("posts", "trap", bob, notes=["anns"] if many else "anns")
    assert await refusal(library.delete("posts", "trap", bob)) == "user_unauthorized"
    assert await library.ids("posts") == ["trap"]
    await library.delete("posts", "trap", ann)
    assert await library.ids("notes") == []


async def test_those_who_depend_go_whoever_may_delete_them(library: Library) -> None:
    await library.table("posts", *ANYONE)
    await library.table("notes", *OWN, row_security=True)
    await library.relate("notes", "posts", "manyToOne", "post", back="notes", on_delete="cascade")
    ann, bob = await library.shop.world.user("ann"), await library.shop.world.user("bob")
    await library.create("posts", "p", ann)
    await library.create("notes", "n", bob, post="p")
    await library.delete("posts", "p", ann)
    assert await library.ids("notes") == []
    assert (await library.happened())[-2:] == ["posts.p.delete", "notes.n.delete"]


@pytest.mark.parametrize("relation_type", ["oneToOne", "oneToMany", "manyToOne", "manyToMany"])
async def test_new_nested_rows_have_the_permissions_of_the_row_around_them(
    library: Library, relation_type: Any
) -> None:
    ann, bob = await library_of_ann(library, relation_type)
    await library.table("tags", *OWN, row_security=True)
    await library.relate("notes", "tags", "manyToOne", "tag")
    many = relation_type.endswith("Many")
    shared = ['read("any")', 'update("user:bob")']

    def nested(name: str, **more: Any) -> Any:
        note = {"$id": name, "name": name, "tag": {"$id": name, "name": name}, **more}
        return [note] if many else note

    async def permissions(table: str, row_id: str) -> list[str]:
        found: list[str] = (await library.get(table, row_id))["$permissions"]
        return found

    await library.create("posts", "given", notes=nested("a"), permissions=shared)
    await library.create("posts", "none", notes=nested("b"))
    await library.create("posts", "of-ann", ann, notes=nested("c"))
    own_permissions = [f'{action}("user:ann")' for action in ("read", "update", "delete")]
    await library.create("posts", "other", notes=nested("d", **{"$permissions": ['read("users")']}))
    await library.update("posts", "given", bob, notes=nested("e"))
    await library.upsert("posts", "new", notes=nested("f"), permissions=shared)
    for row_id, expected in {
        "a": shared,
        "b": [],
        "c": own_permissions,
        "d": ['read("users")'],
        "e": shared,
        "f": shared,
    }.items():
        for table in ("notes", "tags"):
            assert await permissions(table, row_id) == expected, (table, row_id)
    # To stand in a row that one may write is no right to create.
    await tables.update_table(library.shop.call(), "d", "notes", permissions=[], row_security=True)
    assert await refusal(library.update("posts", "given", bob, notes=nested("g"))) == "user_unauthorized"
