"""Who may do what with documents and vectors, and attempts to learn what one may not read."""

from __future__ import annotations

import json

import pytest

from tests.services.documents.library import Library, query, refusal
from tests.services.world import GUEST
from tidewire.services.databases import bulk, counting, tables
from tidewire.store.user_tables import access


async def test_permissions_of_collections_and_documents(library: Library) -> None:
    ann, bob = await library.world.user("ann"), await library.world.user("bob")
    await library.collection()
    await library.create("hidden", a=1)
    assert await refusal(library.create(caller=ann)) == "user_unauthorized"
    assert await refusal(library.find(caller=ann)) == "user_unauthorized"
    assert await refusal(library.get("hidden", ann)) == "document_not_found"
    await library.drop()
    await library.collection('create("users")', security=True)
    created = await library.create("mine", ann, a=1)
    assert created["$permissions"] == [f'{action}("user:ann")' for action in ("read", "update", "delete")]
    await library.create("shared", ann, ['read("any")', 'read("user:ann")'], a=2)
    assert await library.ids(caller=ann) == ["mine", "shared"]
    assert await library.ids(caller=bob) == await library.ids(caller=GUEST) == ["shared"]
    assert (await library.find(caller=bob))["total"] == 1
    assert await refusal(library.get("mine", bob)) == "document_not_found"
    for work in (
        library.upsert("mine", bob, a=3),
        library.delete("mine", bob),
        counting.increment_row_column(library.call(bob), *library.place, "mine", "a"),
    ):
        assert await refusal(work) == "document_not_found"
    assert await refusal(library.update("shared", bob, a=3)) == "user_unauthorized"
    for many in (
        bulk.create_rows(library.call(ann), *library.place, [{"a": 1}]),
        bulk.update_rows(library.call(ann), *library.place, {"a": 1}),
        bulk.delete_rows(library.call(ann), *library.place),
    ):
        assert await refusal(many) == "general_unauthorized_scope"
    _, event = next(each for each in await library.events() if each[1].parameters["documentId"] == "mine")
    assert event.roles == ["user:ann"]


@pytest.mark.parametrize("few", [5000, 0], ids=["found by permissions", "permissions looked up"])
async def test_hidden_documents_cannot_be_learned_of(
    library: Library, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(access, "FEW_ROWS", few)
    ann, bob = await library.world.user("ann"), await library.world.user("bob")
    await library.collection('create("users")', security=True)
    for index_type, attribute in (("key", "n"), ("fulltext", "s")):
        await library.index(index_type, attribute)
    await library.create("hidden", ann, n=42, s="secret words", list=[{"k": 1}], only={"hers": 1})
    await library.create("own", bob, n=1, s="other", list=[{"k": 2}])
    element = {"method": "elemMatch", "attribute": "list", "values": [json.loads(query("equal", "k", 1))]}
    for attempt in (
        query("equal", "n", 42),
        query("equal", "$id", "hidden"),
        query("search", "s", "secret"),
        query("contains", "s", "secret"),
        query("regex", "s", "^secret"),
        query("exists", "", "only.hers"),
        query("greaterThan", "n", 5),
        query("equal", "$sequence", 1),
        json.dumps(element),
        json.dumps({"method": "or", "values": [json.loads(query("equal", "n", 42)), element]}),
    ):
        found = await library.find(attempt, caller=bob)
        assert (found["total"], found["documents"]) == (0, []), attempt
        assert (await library.find(attempt, caller=ann))["total"] == 1, attempt
    for order in ("orderAsc", "orderDesc"):
        cursor = library.find(query(order, "n"), query("cursorAfter", "", "hidden"), caller=bob)
        assert await refusal(cursor) == "general_cursor_not_found"
    assert await library.ids(query("orderDesc", "n"), caller=bob) == ["own"]


@pytest.mark.parametrize("few", [5000, 0], ids=["found by permissions", "permissions looked up"])
@pytest.mark.parametrize("method", ["vectorDot", "vectorCosine", "vectorEuclidean"])
async def test_hidden_vectors_take_no_place(
    library: Library, monkeypatch: pytest.MonkeyPatch, method: str, few: int
) -> None:
    """Readable vectors fill the page, however many hidden ones are nearer."""
    monkeypatch.setattr(access, "FEW_ROWS", few)
    ann, bob = await library.world.user("ann"), await library.world.user("bob")
    vectors = library.vectors
    await vectors.collection('create("users")', security=True, dimension=2)
    for number in range(6):
        await vectors.create(f"hidden{number}", ann, embeddings=[1, 0.001 * number])
    for number in range(4):
        await vectors.create(f"own{number}", bob, embeddings=[0.1, 0.1 + 0.1 * number])
    nearest = query(method, "embeddings", [1, 0])
    found = await vectors.find(nearest, query("limit", "", 3), caller=bob)
    assert found["total"] == 4
    assert {each["$id"][:3] for each in found["documents"]} == {"own"}
    assert len(found["documents"]) == 3
    assert len(await vectors.ids(nearest, caller=ann)) == 6
    hidden = vectors.find(nearest, query("cursorAfter", "", "hidden0"), caller=bob)
    assert await refusal(hidden) == "general_cursor_not_found"
    assert await refusal(vectors.find(nearest, caller=GUEST)) in {"", "user_unauthorized"}
    assert (await vectors.find(nearest, caller=GUEST))["documents"] == []


async def test_disabled_collections_are_for_keys_only(library: Library) -> None:
    await library.collection('read("any")')
    await library.create("x", a=1)
    await tables.update_table(library.call(), *library.place, "C", enabled=False)
    assert await refusal(library.find(caller=GUEST)) == "collection_not_found"
    assert await library.ids() == ["x"]
    assert (await tables.get_table(library.call(), *library.place)).enabled is False
