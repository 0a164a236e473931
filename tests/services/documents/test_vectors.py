"""Vectors: what is taken, and which are found to be nearest, by both ways to compare them."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.databases.shop import own
from tests.services.documents.library import Library, decoded, query, refusal
from tests.services.world import on_the_wire
from tidewire.services.databases import bulk, indexes, rows, vectors
from tidewire.store.engine.sqlite.vectors import load_extension, packed, register_fallback

METHODS = ["vectorDot", "vectorCosine", "vectorEuclidean"]
DIMENSION = 3


def distance(method: str, one: list[float], other: list[float]) -> float:
    """How far two vectors are apart; the less, the nearer."""
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    if method == "vectorDot":
        return -dot
    if method == "vectorEuclidean":
        return math.dist(one, other)
    lengths = math.hypot(*one) * math.hypot(*other)
    return 1 - dot / lengths if lengths else 1.0


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
    queried = await rows.list_rows(store.call(), *store.place, [nearest, query("limit", "", 1)])
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


async def test_what_is_no_vector(library: Library) -> None:
    store = library.vectors
    await store.collection(dimension=2)
    for wrong in (
        [1],
        [1, 2, 3],
        [1, "2"],
        [1, True],
        [1, None],
        "12",
        {"a": 1},
        None,
        [1e39, 0],
        [[1], [2]],
    ):
        assert await refusal(store.create(embeddings=wrong)) == "document_invalid_structure", wrong
    assert await refusal(store.create()) == "document_invalid_structure"
    assert await refusal(store.create(embeddings=[1, 2], metadata=[1])) == "document_invalid_structure"
    assert await refusal(store.create(embeddings=[1, 2], other=1)) == "document_invalid_structure"
    await store.create("x", embeddings=[1, 2])
    for wrong_query in (
        query("vectorDot", "embeddings", [1]),
        query("vectorDot", "embeddings", [1, "2"]),
        query("vectorDot", "embeddings", 1, 2),
        query("vectorDot", "embeddings"),
        query("vectorDot", "embeddings", [1, 2], [1, 2]),
        query("vectorDot", "embeddings", [1, 1e300]),
        query("vectorDot", "metadata", [1, 2]),
        query("vectorDot", "metadata.a", [1, 2]),
        query("vectorDot", "$id", [1, 2]),
        query("equal", "embeddings", [1, 2]),
        query("contains", "embeddings", 1),
        query("orderAsc", "embeddings"),
    ):
        assert await refusal(store.find(wrong_query)) == "general_query_invalid", wrong_query
    nearest = query("vectorDot", "embeddings", [1, 2])
    assert await refusal(store.find(nearest, nearest)) == "general_query_invalid"
    assert await refusal(store.find(nearest, query("orderRandom"))) == "general_query_invalid"
    nested = '{"method":"or","values":[' + nearest + "]}"
    assert await refusal(store.find(nested)) == "general_query_invalid"
    assert await store.ids(query("isNotNull", "embeddings"), nearest) == ["x"]


async def test_the_dimension_changes_while_there_are_no_vectors(library: Library) -> None:
    store = library.vectors
    await store.collection(dimension=2)

    async def resize(dimension: int | None) -> Any:
        return on_the_wire(
            await vectors.update_collection(store.call(), *store.place, "Collection", dimension)
        )

    assert (await resize(3))["dimension"] == 3
    await store.create("x", embeddings=[1, 2, 3])
    assert await refusal(resize(4)) == "attribute_invalid_resize"
    assert (await resize(3))["dimension"] == (await resize(None))["dimension"] == 3
    assert await store.ids(query("vectorDot", "embeddings", [1, 2, 3])) == ["x"]


async def test_indexes_of_vectors(library: Library) -> None:
    store = library.vectors
    await store.collection(dimension=2)
    await store.create("x", embeddings=[1, 2], metadata={"colour": "red"})
    for index_type in ("hnsw_euclidean", "hnsw_dot", "hnsw_cosine"):
        assert (await store.index(index_type, "embeddings"))["status"] == "processing"
        assert await refusal(store.index(index_type, "metadata")) == "attribute_type_invalid"
    assert (await store.index("object", "metadata"))["status"] == "processing"
    assert await refusal(store.index("key", "embeddings")) == "attribute_type_invalid"
    assert await refusal(store.index("key", "other")) == "attribute_unknown"
    by_colour = await store.index("unique", "metadata.colour")
    explained = await store.plan(query("equal", "metadata.colour", "red"))
    assert "USING INDEX" in explained
    again = store.create("y", embeddings=[1, 2], metadata={"colour": "red"})
    assert await refusal(again) == "document_unique_constraint_violation"
    for key in (by_colour["key"], "missing"):
        outcome = await refusal(indexes.delete_index(store.call(), *store.place, key))
        assert outcome == ("index_not_found" if key == "missing" else "")


@pytest.mark.parametrize("make_known", [load_extension, register_fallback])
def test_both_ways_to_compare_agree(make_known: Callable[[sqlite3.Connection], str]) -> None:
    connection = sqlite3.connect(":memory:")
    if not make_known(connection):
        connection.close()
        pytest.skip("this Python cannot load sqlite-vec")
    samples = [[1.0, 0.0, 0.0], [0.5, -0.25, 8.0], [0.0, 0.0, 0.0], [1e-3, 1e3, 1.0]]
    for one in samples:
        for other in samples:
            cosine, euclidean = connection.execute(
                "SELECT vec_distance_cosine(?1, ?2), vec_distance_l2(?1, ?2)", (packed(one), packed(other))
            ).fetchone()
            assert euclidean == pytest.approx(math.dist(one, other), rel=1e-5)
            if any(one) and any(other):
                assert cosine == pytest.approx(distance("vectorCosine", one, other), abs=1e-5)
            else:
                assert cosine is None
    connection.close()
