"""Relationships: their columns, and rows written and read through them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select as select_rows
from sqlalchemy import text

from tests.services.databases.library import ANYONE, Library, select
from tests.services.databases.shop import COLLECTIONS, Json, Shop, own, query, refusal
from tests.services.world import World, on_the_wire
from tidewire.core.relationships import TYPES, RelationType, holds_many
from tidewire.services.databases import bulk, columns, relationships, tables
from tidewire.services.databases.schema_changes import finish_changes, resume_changes
from tidewire.store.engine.database import Transaction
from tidewire.store.schema import relationships as relationship_rows
from tidewire.store.user_tables import steps
from tidewire.store.user_tables.relationship_changes import begin_removal


async def shown_columns(library: Library, table_id: str) -> dict[str, Json]:
    """The relationships of a table as listed."""
    listed = on_the_wire(await columns.list_columns(library.shop.call(), "d", table_id))
    return {each["key"]: each for each in listed["columns"] if each["type"] == "relationship"}


@pytest.mark.parametrize("relation_type", TYPES)
async def test_both_sides_show_a_two_way_relationship(library: Library, relation_type: RelationType) -> None:
    await library.table("a")
    await library.table("b")
    created = await library.relate("a", "b", relation_type, "bs", back="as", on_delete="cascade")
    assert created | {"$createdAt": "", "$updatedAt": ""} == {
        "key": "bs",
        "type": "relationship",
        "status": "processing",
        "error": "",
        "required": False,
        "array": False,
        "$createdAt": "",
        "$updatedAt": "",
        "relatedTable": "b",
        "relationType": relation_type,
        "twoWay": True,
        "twoWayKey": "as",
        "onDelete": "cascade",
        "side": "parent",
    }
    (shown,) = (await shown_columns(library, "a")).values()
    assert shown == created | {"status": "available", "$updatedAt": shown["$updatedAt"]}
    (other,) = (await shown_columns(library, "b")).values()
    assert (other["key"], other["relatedTable"], other["twoWayKey"], other["side"]) == (
        "as",
        "a",
        "bs",
        "child",
    )
    attribute = on_the_wire(await columns.get_column(library.shop.call(dialect=COLLECTIONS), "d", "b", "as"))
    assert attribute["relatedCollection"] == "a"


async def test_keys_are_those_of_the_tables_unless_given_and_taken_once(library: Library) -> None:
    await library.table("a")
    await library.table("b")
    created = await library.relate("a", "b", "manyToOne")
    assert (created["key"], created["twoWayKey"], created["twoWay"]) == ("b", "a", False)
    assert await shown_columns(library, "b") == {}
    assert await refusal(library.relate("a", "b", "oneToOne")) == "column_already_exists"
    assert await refusal(library.relate("a", "b", "oneToOne", "x", back="name")) == "column_already_exists"
    assert await refusal(library.relate("a", "a", "oneToMany", "x", back="x")) == "column_already_exists"
    assert await refusal(library.relate("a", "nothing", "oneToOne", "x")) == "table_not_found"
    assert (await shown_columns(library, "a")).keys() == {"b"}


async def test_both_sides_follow_changes_and_say_so(library: Library) -> None:
    await library.table("a")
    await library.table("b")
    await library.relate("a", "b", "oneToMany", "bs", back="a")
    await library.create("a", "a1", bs=[{"$id": "b1"}])
    before = len(await library.shop.world.events())
    call = library.shop.call()
    changed = on_the_wire(
        await relationships.update_relationship_column(call, "d", "b", "a", "restrict", "owner")
    )
    assert (changed["key"], changed["onDelete"], changed["side"]) == ("owner", "restrict", "child")
    (other,) = (await shown_columns(library, "a")).values()
    assert (other["twoWayKey"], other["onDelete"]) == ("owner", "restrict")
    told = [(event.pattern, event.parameters.get("columnId")) for event in await library.shop.world.events()]
    pattern = "databases.[databaseId].tables.[tableId].columns.[columnId].update"
    assert told[before:] == [(pattern, "bs"), (pattern, "owner")]
    assert await library.related("b", "b1", "owner") == "a1"
    assert await refusal(library.get("b", "b1", "a.*")) == "general_query_invalid"
    assert await refusal(library.delete("a", "a1")) == "row_delete_restricted"
    taken = relationships.update_relationship_column(call, "d", "b", "owner", None, "name")
    assert await refusal(taken) == "column_already_exists"
    other_kind = relationships.update_relationship_column(call, "d", "b", "name", "cascade")
    assert await refusal(other_kind) == "column_type_invalid"


@pytest.mark.parametrize("relation_type", TYPES)
@pytest.mark.parametrize("side", ["a", "b"])
async def test_deleted_from_either_side_it_is_gone_from_both(
    library: Library, relation_type: RelationType, side: str
) -> None:
    await library.table("a")
    await library.table("b")
    await library.relate("a", "b", relation_type, "bs", back="as")
    given: Any = [{"$id": "b1"}] if holds_many(relation_type, "parent") else {"$id": "b1"}
    await library.create("a", "a1", bs=given)
    key = {"a": "bs", "b": "as"}[side]
    await columns.delete_column(library.shop.call(), "d", side, key)
    assert await shown_columns(library, "a") == await shown_columns(library, "b") == {}
    assert await refusal(library.create("a", "a2", bs=given)) == "row_invalid_structure"
    await library.delete("b", "b1")
    patterns = [event.pattern.rpartition("columns")[2] for event in await library.shop.world.events()]
    assert patterns.count(".[columnId].delete") == 2
    again = await library.relate("a", "b", relation_type, "bs", back="as")
    assert again["status"] == "processing"
    assert (await shown_columns(library, "a"))["bs"]["status"] == "available"
    assert await library.related("a", "a1", "bs") == ([] if isinstance(given, list) else None)


async def test_rows_come_without_related_ones_unless_these_are_selected(library: Library) -> None:
    await library.table("books")
    await library.table("authors")
    await library.relate("books", "authors", "manyToOne", "author", back="books")
    await library.create("books", "b1", name="Emma", author={"$id": "jane", "name": "Jane", "n": 1})
    row = await library.get("books", "b1")
    assert "author" not in row
    assert row.keys() == (await library.get("books", "b1", "*")).keys()
    whole = await library.get("books", "b1", "*", "author.*")
    assert whole == {**row, "author": await library.get("authors", "jane")}
    assert whole == await library.get("books", "b1", "*", "author")
    assert own(await library.get("books", "b1", "name", "author.name")) == {
        "name": "Emma",
        "author": {"name": "Jane"},
    }
    deep = await library.get("books", "b1", "author.books.author.name")
    assert own(deep) == {"author": {"books": [{"author": {"name": "Jane"}}]}}
    assert await refusal(library.get("books", "b1", "author.books.author.books")) == "general_query_invalid"
    assert await refusal(library.get("books", "b1", "author.year")) == "general_query_invalid"
    assert await refusal(library.get("books", "b1", "name.author")) == "general_query_invalid"
    listed = await library.find("authors", select("$id", "books.name"))
    assert own(listed["rows"]) == [{"books": [{"name": "Emma"}]}]


async def test_nested_rows_are_written_with_events_of_their_own(library: Library) -> None:
    await library.table("books")
    await library.table("authors")
    await library.relate("authors", "books", "oneToMany", "books", back="author")
    await library.create("books", "b0", name="Old")
    jane = await library.create(
        "authors", "jane", name="Jane", books=["b0", {"$id": "b1", "name": "Emma"}, {"name": "Persuasion"}]
    )
    assert [book["name"] for book in jane["books"]] == ["Old", "Emma", "Persuasion"]
    new_id = jane["books"][2]["$id"]
    assert await library.happened() == [
        "books.b0.create",
        "authors.jane.create",
        "books.b0.update",
        "books.b1.create",
        f"books.{new_id}.create",
    ]
    for _, event in await library.shop.row_events():
        assert b"books" not in event.payload.replace(b'"$tableId":"books"', b"")
        assert b"author" not in event.payload.replace(b'"$tableId":"authors"', b"")
    changed = await library.update("authors", "jane", books=["b0", {"$id": "b1", "name": "Emma!"}])
    assert [book["name"] for book in changed["books"]] == ["Old", "Emma!"]
    assert (await library.happened())[5:] == [
        f"books.{new_id}.update",
        "authors.jane.update",
        "books.b1.update",
    ] or (await library.happened())[5:] == [
        "authors.jane.update",
        f"books.{new_id}.update",
        "books.b1.update",
    ]
    assert await library.related("books", new_id, "author") is None
    assert await library.related("authors", "jane", "books") == ["b0", "b1"]
    await library.update("authors", "jane", name="J.")
    assert await library.related("authors", "jane", "books") == ["b0", "b1"]
    await library.upsert("authors", "jane", books=None)
    assert await library.related("authors", "jane", "books") == []
    assert len(await library.ids("books")) == 3


async def test_what_was_read_can_be_written_back(library: Library) -> None:
    await library.table("books", *ANYONE)
    await library.table("authors", *ANYONE)
    await library.relate("authors", "books", "oneToMany", "books", back="author")
    ann = await library.shop.world.user("ann")
    await library.create("authors", "jane", ann, name="Jane", books=[{"$id": "b1", "name": "Emma"}])
    before = len(await library.shop.world.events())
    read = await library.get("authors", "jane", "*", "books.*", caller=ann)
    data = {key: value for key, value in read.items() if not key.startswith("$")}
    await library.update("authors", "jane", ann, **data)
    assert (await library.happened())[-1] == "authors.jane.update"
    assert len(await library.shop.world.events()) == before + 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("one", ["o1"]),
        ("one", 5),
        ("one", "not an id!"),
        ("one", "missing"),
        ("one", "unique()"),
        ("one", {"$id": 5}),
        ("one", '{"method":"increment","values":[1]}'),
        ("many", "o1"),
        ("many", {"name": "x"}),
        ("many", [["o1"]]),
        ("many", [None]),
        ("many", ["missing"]),
        ("one", {"one": {"one": {"one": {"name": "too deep"}}}}),
    ],
)
async def test_values_that_no_relationship_has(library: Library, key: str, value: Any) -> None:
    await library.table("t")
    await library.relate("t", "t", "manyToOne", "one")
    await library.relate("t", "t", "manyToMany", "many")
    await library.create("t", "o1")
    assert await refusal(library.create("t", "r", **{key: value})) == "relationship_value_invalid"
    assert await refusal(library.update("t", "o1", **{key: value})) == "relationship_value_invalid"
    assert await library.ids("t") == ["o1"]
    assert await refusal(library.create("t", "r", one={"nothing": 1})) == "row_invalid_structure"


async def test_a_one_to_one_is_never_shared(library: Library) -> None:
    await library.table("people")
    await library.table("cards")
    await library.relate("people", "cards", "oneToOne", "card", back="person")
    await library.create("people", "p1", card={"$id": "c1"})
    await library.create("people", "p2")
    assert await refusal(library.create("people", "p3", card="c1")) == "row_unique_constraint_violation"
    assert await refusal(library.update("people", "p2", card="c1")) == "row_unique_constraint_violation"
    assert await refusal(library.create("cards", "c2", person="p1")) == "row_unique_constraint_violation"
    await library.create("cards", "c2", person="p2")
    assert await refusal(library.update("cards", "c2", person="p1")) == "row_unique_constraint_violation"
    await library.update("cards", "c1", person={"$id": "p3", "name": "Third"})
    assert await library.related("people", "p1", "card") is None
    assert await library.related("people", "p3", "card") == "c1"
    await library.update("people", "p3", card=None)
    await library.update("people", "p1", card="c1")
    assert await library.related("cards", "c1", "person") == "p1"


async def test_filters_reach_through_relationships(library: Library) -> None:
    await library.table("books")
    await library.table("authors")
    await library.table("tags")
    await library.relate("books", "authors", "manyToOne", "author", back="books")
    await library.relate("books", "tags", "manyToMany", "tags", back="books")
    await library.create("authors", "jane", name="Jane", n=1)
    await library.create("authors", "mary", name="Mary", n=2)
    await library.create("tags", "love")
    await library.create("books", "emma", name="Emma", author="jane", tags=["love", {"$id": "old"}])
    await library.create("books", "frank", name="Frankenstein", author="mary", tags=["old"])
    await library.create("books", "none", name="Anonymous")
    cases: list[tuple[list[str], list[str]]] = [
        (["emma"], [query("equal", "author.name", "Jane")]),
        (["frank"], [query("greaterThan", "author.n", 1)]),
        (["emma", "frank"], [query("isNotNull", "author")]),
        (["none"], [query("isNull", "author")]),
        (["emma"], [query("equal", "author", "jane")]),
        (["frank"], [query("notEqual", "author.$id", "jane")]),
        (["emma", "frank"], [query("equal", "tags.$id", "old")]),
        (["emma"], [query("contains", "tags", "love")]),
        (["emma", "frank"], [query("equal", "author.books.tags.$id", "old")]),
        (["none"], [query("isNull", "tags")]),
        (["emma"], [query("equal", "tags.books.author.name", "Jane"), query("equal", "tags", "love")]),
    ]
    for expected, queries in cases:
        assert await library.ids("books", *queries) == expected, queries
    assert await library.ids("authors", query("startsWith", "books.name", "Fra")) == ["mary"]
    either: Any = query("or", "", {"method": "equal", "attribute": "author.n", "values": [1]})
    assert await library.ids("books", either) == ["emma"]
    for wrong in [
        query("equal", "author.books.author.books.name", "x"),
        query("equal", "author.year", 1),
        query("greaterThan", "author", "jane"),
        query("orderAsc", "author.name"),
        query("orderAsc", "author"),
    ]:
        assert await refusal(library.find("books", wrong)) == "general_query_invalid", wrong


async def test_tables_that_are_related_can_be_deleted(library: Library) -> None:
    for table_id in ("a", "b"):
        await library.table(table_id)
    for number, relation_type in enumerate(TYPES):
        await library.relate("a", "b", relation_type, f"r{number}", back=f"back{number}")
        await library.relate("b", "a", relation_type, f"s{number}")
    await library.relate("a", "a", "manyToMany", "friends", back="friendly")
    await library.create("a", "a1", r2=[{"$id": "b1", "s2": ["a1"]}], friends=["a1"])
    await tables.delete_table(library.shop.call(), "d", "b")
    await settle(library)
    assert (await shown_columns(library, "a")).keys() == {"friends", "friendly"}
    await library.delete("a", "a1")
    assert await library.ids("a") == []


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables count as large from a few rows on."""
    monkeypatch.setattr(steps, "SMALL_TABLE", 20)
    monkeypatch.setattr(steps, "STEP_ROWS", 50)


@pytest.mark.parametrize("relation_type", TYPES)
async def test_large_tables_stay_in_use_while_relationships_come_and_go(
    library: Library, relation_type: RelationType, small_steps: None
) -> None:
    for table_id in ("a", "b"):
        await library.table(table_id)
        rows: list[Json] = [{"$id": f"{table_id}{number}"} for number in range(120)]
        await bulk.create_rows(library.shop.call(), "d", table_id, rows)
    created = await library.relate("a", "b", relation_type, "to", back="back")
    assert created["status"] == "processing"
    await settle(library)
    assert {each["status"] for each in (await shown_columns(library, "b")).values()} == {"available"}
    many = holds_many(relation_type, "parent")
    linked: list[Json] = [
        {"$id": f"a{number}", "to": [f"b{number}"] if many else f"b{number}"} for number in range(110)
    ]
    await bulk.upsert_rows(library.shop.call(), "d", "a", linked)
    assert await library.related("b", "b9", "back") in ("a9", ["a9"])
    await columns.delete_column(library.shop.call(), "d", "b", "back")
    assert await refusal(library.get("a", "a1", "to.*")) == "general_query_invalid"
    await library.update("a", "a1", name="meanwhile")
    await settle(library)
    assert await shown_columns(library, "a") == await shown_columns(library, "b") == {}
    await library.relate("a", "b", relation_type, "to", back="back")
    await settle(library)
    assert await library.related("a", "a1", "to") in (None, [])
    await library.delete("b", "b1")


async def test_removal_survives_the_end_of_the_program(tmp_path: Path, small_steps: None) -> None:
    world = await World.open(tmp_path)
    library = Library(await Shop.open(world))
    await library.table("a")
    await library.relate("a", "a", "manyToMany", "to")
    rows: list[Json] = [{"$id": f"a{number}", "to": [{"$id": f"x{number}"}]} for number in range(90)]
    await bulk.create_rows(library.shop.call(), "d", "a", rows)

    def begin(transaction: Transaction) -> None:
        connection = transaction.connection
        begin_removal(connection, connection.execute(select_rows(relationship_rows)).one())

    await world.database.write(begin)
    await world.close()
    world = await World.open(tmp_path)
    await resume_changes(world.instance)
    library = Library(Shop(world))
    assert await shown_columns(library, "a") == {}
    left = await world.database.read(
        lambda connection: connection.execute(
            text("SELECT name FROM sqlite_master WHERE name LIKE 'p1%'")
        ).all()
    )
    assert left == []
    await world.close()


async def settle(library: Library) -> None:
    """Do all that takes long, together with those who are at it."""
    world = library.shop.world
    await finish_changes(world.project, world.database)


@pytest.mark.parametrize("relation_type", ["manyToOne", "oneToOne", "oneToMany", "manyToMany"])
async def test_a_new_row_names_itself(library: Library, relation_type: Any) -> None:
    await library.table("a")
    await library.relate("a", "a", relation_type, "other", back="back")
    many = relation_type in {"oneToMany", "manyToMany"}
    own: Any = ["one"] if many else "one"
    created = await library.create("a", "one", name="x", other=own)
    shown = created["other"][0] if many else created["other"]
    assert (shown["$id"], shown["name"]) == ("one", "x")
    assert await library.related("a", "one", "other") == own
    only: Any = [{"$id": "two"}] if many else {"$id": "two"}
    await library.create("a", "two", other=only)
    assert await library.related("a", "two", "other") == (["two"] if many else "two")
    if relation_type != "oneToMany":
        # There the row is changed as a related one, too.
        assert await library.happened() == ["a.one.create", "a.two.create"]
    missing: Any = ["none"] if many else "none"
    assert await refusal(library.create("a", "three", other=missing)) == "relationship_value_invalid"
    await library.delete("a", "one")
    assert await library.ids("a") == ["two"]
