"""Vectors: what is taken, their indexes, and both ways in which SQLite compares them."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from tests.contracts.document_oracle import distance
from tests.services.documents.library import Library, query, refusal
from tests.services.world import on_the_wire
from tidewire.services.databases import indexes, vectors
from tidewire.store.engine.sqlite.vectors import load_extension, packed, register_fallback


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
