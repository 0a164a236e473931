"""Vectors on every engine: they come back as they were written, and the nearest are found."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.document_oracle import distance
from tests.services.databases.shop import own
from tests.services.documents.library import Library, decoded, query
from tests.services.world import on_the_wire
from tidewire.services.databases import bulk, row_reading

METHODS = ["vectorDot", "vectorCosine", "vectorEuclidean"]


DIMENSION = 3


numbers = st.integers(-20, 20)


arrays = st.lists(numbers, min_size=DIMENSION, max_size=DIMENSION)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stored=st.lists(st.tuples(arrays, st.sampled_from(["red", "blue"])), max_size=12),
    asked=arrays,
    method=st.sampled_from(METHODS),
    limit=st.integers(1, 6),
    colour=st.sampled_from(["red", "blue", None]),
)
async def test_the_nearest_are_found(
    library: Library,
    stored: list[tuple[list[float], str]],
    asked: list[float],
    method: str,
    limit: int,
    colour: str | None,
) -> None:
    """Against every vector in turn, in plain Python; equally near ones may come in either order."""
    store = library.vectors
    await store.collection(dimension=DIMENSION)
    await store.fill(*({"embeddings": vector, "metadata": {"colour": of}} for vector, of in stored))
    filters = [query("equal", "metadata.colour", colour)] if colour else []
    found = await store.find(query(method, "embeddings", asked), query("limit", "", limit), *filters)
    candidates = [vector for vector, of in stored if colour in {of, None}]
    assert found["total"] == len(candidates)
    expected = sorted(distance(method, vector, asked) for vector in candidates)[:limit]
    measured = [distance(method, each["embeddings"], asked) for each in found["documents"]]
    assert measured == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert all(colour in {each["metadata"]["colour"], None} for each in found["documents"])
    await store.drop()


async def test_pages_of_the_nearest(library: Library) -> None:
    store = library.vectors
    await store.collection(dimension=2)
    await store.fill(*({"$id": f"n{n}", "embeddings": [n, 0]} for n in range(10)))
    nearest = query("vectorEuclidean", "embeddings", [0, 0])
    assert await store.ids(nearest, query("limit", "", 3)) == ["n0", "n1", "n2"]
    after = query("cursorAfter", "", "n2")
    assert await store.ids(nearest, query("limit", "", 3), after) == ["n3", "n4", "n5"]
    before = query("cursorBefore", "", "n5")
    assert await store.ids(nearest, query("limit", "", 2), before) == ["n3", "n4"]
    assert await store.ids(nearest, query("offset", "", 8)) == ["n8", "n9"]
    queried = await row_reading.list_rows(store.call(), *store.place, [nearest, query("limit", "", 1)])
    assert on_the_wire(queried)["documents"][0]["$id"] == "n0"


async def test_vectors_come_back_as_they_were_written(library: Library) -> None:
    store = library.vectors
    collection = await store.collection(dimension=3)
    assert collection["dimension"] == 3
    assert {each["key"]: each["type"] for each in collection["attributes"]} == {
        "metadata": "object",
        "embeddings": "vector",
    }
    created = await store.create("x", embeddings=[0.1, -2, 1e-7], metadata={"a": {"b": [1, "x"]}})
    assert created["embeddings"] == [0.1, -2, 1e-7]
    assert await store.get("x") == created
    assert (await store.create("y", embeddings=[1, 2, 3]))["metadata"] == {}
    changed = await store.update("x", metadata={"c": 1})
    assert (changed["embeddings"], changed["metadata"]) == ([0.1, -2, 1e-7], {"c": 1})
    await store.update("x", embeddings=[9, 9, 9])
    nearest = query("vectorEuclidean", "embeddings", [9, 9, 9])
    assert await store.ids(nearest) == ["x", "y"]
    await store.delete("x")
    assert await store.ids(nearest) == ["y"]
    upserted = await store.upsert("z", embeddings=[9, 9, 8])
    assert decoded((await store.events())[-1][1]) == upserted
    assert (await store.events())[-1][1].channels[0].startswith("documents")
    assert await store.ids(nearest, query("limit", "", 1)) == ["z"]
    shown = await store.find(nearest, query("select", "", "$id", "metadata"))
    assert own(shown["documents"]) == [{"metadata": {}}, {"metadata": {}}]
    removed = on_the_wire(
        await bulk.delete_rows(store.call(), *store.place, [nearest, query("limit", "", 1)])
    )
    assert [each["$id"] for each in removed["documents"]] == ["z"]
