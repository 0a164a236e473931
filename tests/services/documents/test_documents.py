"""Documents without a schema: written, changed, shown."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.databases.shop import COLLECTIONS, TABLES, own
from tests.services.documents.library import Library, decoded, query, refusal
from tests.services.world import World, on_the_wire
from tidewire.core.errors import TidewireError
from tidewire.services.databases import (
    bulk,
    counting,
    databases,
    indexes,
    row_reading,
    rows,
    tables,
)
from tidewire.services.databases.dialects import DOCUMENTS, VECTORS, DialectCall
from tidewire.settings import Settings

ANYTHING: dict[str, Any] = {
    "text": "Ä 'quoted' \"text\" 😀",
    "number": -1.5,
    "large": 2**63 - 1,
    "yes": True,
    "nothing": None,
    "list": [1, "two", [3.5], {"four": None}],
    "object": {"a.b": {"x'y": 1}, "empty": {}, "none": []},
    "name with spaces": 1,
    "it's": 2,
    "😀": 3,
}


async def test_documents_come_back_as_they_were_written(library: Library) -> None:
    collection = await library.collection()
    assert collection["attributes"] == []
    created = await library.write("x", ANYTHING)
    system = {key: created.pop(key) for key in list(created) if key.startswith("$")}
    assert created == ANYTHING
    assert list(created) == list(ANYTHING)
    assert (system["$id"], system["$collectionId"], system["$databaseId"]) == ("x", "c", "d")
    assert await library.get("x") == system | ANYTHING
    assert (await library.find())["documents"] == [system | ANYTHING]
    assert await refusal(library.create("x")) == "document_already_exists"


async def test_changes_keep_other_members(library: Library) -> None:
    await library.collection()
    await library.create("x", a=1, b={"c": 1, "d": 2}, e="e")
    changed = await library.update("x", a=None, b={"c": 3}, f=[1])
    assert {key: changed[key] for key in "abef"} == {"a": None, "b": {"c": 3}, "e": "e", "f": [1]}
    assert (await library.upsert("x", a=5))["e"] == "e"
    assert (await library.upsert("y", a=6))["a"] == 6
    await library.delete("y")
    assert await refusal(library.get("y")) == "document_not_found"
    actions = [(action, event.parameters["documentId"]) for action, event in await library.events()]
    assert actions == [("create", "x"), ("update", "x"), ("upsert", "x"), ("upsert", "y"), ("delete", "y")]
    event = (await library.events())[1][1]
    assert decoded(event) == changed
    assert set(event.channels) == {
        "documents.update",
        "documents",
        "documentsdb.d.collections.c.documents.update",
        "documentsdb.d.collections.c.documents",
        "documentsdb.d.collections.c.documents.x.update",
        "documentsdb.d.collections.c.documents.x",
    }


async def test_what_documents_cannot_hold(library: Library) -> None:
    await library.collection()
    deep: Any = 1
    for _ in range(Settings().max_document_depth + 1):
        deep = [deep]
    wrong: list[dict[str, Any]] = [
        {"": 1},
        {"a.b": 1},
        {'a"b': 1},
        {"a\\b": 1},
        {"a\nb": 1},
        {"n" * 256: 1},
        {"a": "x\0y"},
        {"a": "\ud800"},
        {"a": {"\ud800": 1}},
        {"a": 2**63},
        {"a": [-(2**63) - 1]},
        {"a": deep},
    ]
    for data in wrong:
        assert await refusal(library.write("x", data)) == "document_invalid_structure", data
    await library.create("x", a=1)
    for data in wrong:
        assert await refusal(library.update("x", **data)) == "document_invalid_structure", data
    assert (await library.find())["total"] == 1
    # System attributes are not taken from the data, whatever they are called.
    created = await library.write("y", {"$document": {"a": 1}, "$id": "z", "$sequence": 7, "b": 1})
    assert {key for key in created if not key.startswith("$")} == {"b"}
    assert created["$id"] == "y"


async def test_the_size_of_a_document_is_bounded(world: World) -> None:
    world.settings = Settings(max_document_bytes=100)
    library = await Library.open(world)
    await library.collection()
    await library.create("x", a="a" * 80)
    assert await refusal(library.create("y", a="a" * 100)) == "document_invalid_structure"
    assert await refusal(library.update("x", b="b" * 50)) == "document_invalid_structure"
    assert "b" not in await library.get("x")


async def test_many_at_once(library: Library) -> None:
    await library.collection()
    call, place = library.call(), library.place
    created = on_the_wire(
        await bulk.create_rows(call, *place, [{"$id": f"n{n}", "n": n, "kept": n} for n in range(5)])
    )
    assert created["total"] == 5
    changed = on_the_wire(await bulk.update_rows(call, *place, {"seen": True}, [query("lessThan", "n", 3)]))
    assert [(each["$id"], each["kept"], each["seen"]) for each in changed["documents"]] == [
        ("n0", 0, True),
        ("n1", 1, True),
        ("n2", 2, True),
    ]
    upserted = on_the_wire(await bulk.upsert_rows(call, *place, [{"$id": "n4", "n": 40}, {"$id": "n5"}]))
    assert [each.get("kept") for each in upserted["documents"]] == [4, None]
    removed = on_the_wire(await bulk.delete_rows(call, *place, [query("exists", "", "seen")]))
    assert removed["total"] == 3
    assert await library.ids() == ["n3", "n4", "n5"]


async def test_counting(library: Library) -> None:
    await library.collection()
    await library.create("x", n=1, stats={"views": 2.5}, word="w", yes=True)
    call, place = library.call(), (*library.place, "x")

    async def count(attribute: str, value: float = 1, bound: float | None = None, *, up: bool = True) -> Any:
        operation = counting.increment_row_column if up else counting.decrement_row_column
        return on_the_wire(await operation(call, *place, attribute, value, bound))

    assert (await count("n"))["n"] == 2
    assert (await count("n", 3, up=False))["n"] == -1
    counted = await count("stats.views", 2)
    assert counted["stats"] == {"views": 4.5}
    assert counted["word"] == "w"
    assert await refusal(count("n", 10, 5)) == "attribute_limit_exceeded"
    assert await refusal(count("n", 10, -5, up=False)) == "attribute_limit_exceeded"
    for attribute in ("word", "yes", "stats", "word.x", "n.n"):
        assert await refusal(count(attribute)) == "attribute_type_invalid"
    # What a document lacks is counted from zero.
    assert (await count("missing", 5))["missing"] == 5
    assert (await count("missing", 2))["missing"] == 7
    assert (await count("stats.likes", 1.5, up=False))["stats"] == {"views": 4.5, "likes": -1.5}
    assert (await count("new.deep"))["new"] == {"deep": 1}
    assert await refusal(count("beyond", 10, 9)) == "attribute_limit_exceeded"
    assert await refusal(count(".".join("a" * 40))) == "document_invalid_structure"
    assert (await library.get("x")).keys() >= {"missing", "new", "stats"}
    await library.update("x", n=2**63 - 1)
    assert await refusal(count("n")) == "attribute_limit_exceeded"
    assert (await library.get("x"))["n"] == 2**63 - 1


async def test_selections(library: Library) -> None:
    await library.collection()
    await library.create("x", a=1, b={"c": {"d": 1, "e": 2}, "f": 3}, g=[{"h": 1}])
    for shown in (
        await library.get("x", library.call().context.caller, query("select", "", "a", "b.c.e")),
        (await library.find(query("select", "", "a", "b.c.e")))["documents"][0],
    ):
        assert own(shown) == {"a": 1, "b": {"c": {"e": 2}}}
    shown = (await library.find(query("select", "", "$id", "b", "b.c", "missing", "g.h")))["documents"][0]
    assert own(shown) == {"b": {"c": {"d": 1, "e": 2}, "f": 3}}
    assert (await library.find(query("select", "", "*")))["documents"] == [await library.get("x")]
    assert own((await library.find(query("select", "", "$id")))["documents"]) == [{}]


async def test_indexes(library: Library) -> None:
    first = {"key": "mail", "type": "unique", "attributes": ["contact.mail"]}
    collection = await library.collection(indexes=[first])
    assert [(each["key"], each["status"]) for each in collection["indexes"]] == [("mail", "available")]
    await library.create("x", contact={"mail": "x@example.com"})
    await library.create("y", contact={})
    await library.create("z")
    again = library.create("t", contact={"mail": "x@example.com"})
    assert await refusal(again) == "document_unique_constraint_violation"
    # What looks alike to SQL is not the same.
    for number, value in enumerate((1, True, "[1]", [1], "1")):
        await library.create(f"v{number}", contact={"mail": value})
    assert await refusal(library.create(contact={"mail": 1.0})) == "document_unique_constraint_violation"
    made = await library.index("key", "n", "contact.mail", orders=["desc"])
    assert (made["attributes"], made["orders"]) == (["n", "contact.mail"], ["desc", "asc"])
    for attributes in (["a..b"], [".a"], ["a."], ["n", "n"], []):
        assert await refusal(library.index("key", *attributes or ["", ""])) == "index_invalid", attributes
    assert await refusal(library.index("fulltext", "$id")) == "attribute_unknown"
    # Equal values that there are.
    await library.fill({"k": 1}, {"k": 1})
    made = await library.index("unique", "k")
    failed = on_the_wire(await indexes.get_index(library.call(), *library.place, made["key"]))
    assert failed["status"] == "failed"
    await indexes.delete_index(library.call(), *library.place, "mail")
    await library.create("t", contact={"mail": "x@example.com"})


async def test_words(library: Library) -> None:
    await library.collection()
    await library.create("x", text="the tide is high", nested={"text": "wire"})
    await library.create("y", text=["tide"], nested={"text": 5})
    assert await refusal(library.find(query("search", "text", "tide"))) == "general_query_invalid"
    await library.index("fulltext", "text", "nested.text")
    assert await library.ids(query("search", "text", "tid")) == ["x"]
    assert await library.ids(query("search", "nested.text", "wire")) == ["x"]
    assert await library.ids(query("search", "nested.text", "tide")) == []
    assert await library.ids(query("notSearch", "text", "tide")) == ["y"]
    await library.update("x", text="low water")
    await library.create("z", text="tide again")
    assert await library.ids(query("search", "text", "tide")) == ["z"]
    assert await library.ids(query("search", "text", '"low water"')) == ["x"]
    await library.delete("z")
    assert await library.ids(query("search", "text", "tide")) == []


async def test_each_family_has_its_own_databases(library: Library) -> None:
    await library.collection()
    await library.vectors.collection()
    for dialect in (TABLES, COLLECTIONS, VECTORS):
        call = DialectCall(library.world.context(), dialect)
        for work in (
            databases.get_database(call, "d"),
            tables.get_table(call, "d", "c"),
            row_reading.list_rows(call, "d", "c"),
            rows.create_row(call, "d", "c", "x", {"a": 1}),
            rows.delete_row(call, "d", "c", "x"),
            bulk.delete_rows(call, "d", "c"),
            indexes.list_indexes(call, "d", "c"),
            databases.delete_database(call, "d"),
        ):
            assert await refusal(work) == "database_not_found"
    listed = on_the_wire(await databases.list_databases(DialectCall(library.world.context(), DOCUMENTS)))
    assert [(each["$id"], each["type"]) for each in listed["databases"]] == [("d", "documentsdb")]
    call = DialectCall(library.world.context(), TABLES)
    assert await refusal(databases.create_database(call, "d", "Taken")) == "database_already_exists"
    described = [{"key": "a", "type": "string", "size": 5}]
    with pytest.raises(TidewireError, match="attributes"):
        await tables.create_table(library.call(), "d", "e", "E", columns=described)
    await databases.delete_database(library.call(), "d")
    assert await refusal(library.find()) == "database_not_found"
