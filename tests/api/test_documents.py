"""Documents and vectors over HTTP: every answer is held against the catalog."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tidewire.core.ids import unique_id


@pytest.fixture(params=["documentsdb", "vectorsdb"])
def base(request: pytest.FixtureRequest, program: httpx.Client) -> str:
    """The path of a new database of each kind."""
    path, database = f"/v1/{request.param}", unique_id()
    created = program.post(path, json={"databaseId": database, "name": "D"})
    assert (created.status_code, created.json()["type"]) == (201, request.param)
    return f"{path}/{database}"


def data(base: str, **members: Any) -> dict[str, Any]:
    """A document that either kind takes."""
    return {"embeddings": [1, 2], "metadata": members} if "vectorsdb" in base else {"metadata": members}


def test_every_operation(program: httpx.Client, base: str) -> None:
    vectors = "vectorsdb" in base
    dimension = {"dimension": "2"} if vectors else {}
    collections = f"{base}/collections"
    made = program.post(collections, json={"collectionId": "c", "name": "C", **dimension})
    assert made.status_code == 201
    assert made.json().get("dimension") == (2 if vectors else None)
    place, documents = f"{collections}/c", f"{collections}/c/documents"
    assert program.put(place, json={"name": "D", **dimension}).json()["name"] == "D"
    assert program.put(place, json={}).json()["type"] == "general_argument_invalid"
    assert program.get(collections).json()["total"] == 1
    index = {"key": "i", "type": "KEY", "attributes": ["metadata.n"], "orders": ["DESC"], "lengths": [None]}
    assert program.post(f"{place}/indexes", json=index).status_code == 202
    assert program.get(f"{place}/indexes/i").json()["orders"] == ["desc"]
    assert program.get(f"{place}/indexes").json()["total"] == 1
    attributes = ["embeddings"] if vectors else ["metadata.text"]
    special = {"key": "s", "type": "hnsw_dot" if vectors else "fulltext", "attributes": attributes}
    assert program.post(f"{place}/indexes", json=special).json()["status"] == "processing"
    assert program.get(f"{place}/indexes/s").json()["status"] == "available"
    assert program.get(place).json()["indexes"][0]["key"] == "i"
    created = program.post(documents, json={"documentId": "x", "data": data(base, n=1)})
    assert created.status_code == 201
    text = json.dumps({"metadata": {"n": 2}})
    assert program.patch(f"{documents}/x", json={"data": text}).json()["metadata"] == {"n": 2}
    assert program.put(f"{documents}/y", json={"data": data(base, n=5)}).status_code == 200
    many = {"documents": [{"$id": "m1", **data(base, n=6)}, {"$id": "m2", **data(base, n=7)}]}
    assert program.post(documents, json=many).json()["total"] == 2
    assert program.put(documents, json=many).status_code == 200
    above = json.dumps({"method": "greaterThan", "attribute": "metadata.n", "values": [5]})
    found = program.get(documents, params={"queries[0]": above})
    assert [each["$id"] for each in found.json()["documents"]] == ["m1", "m2"]
    assert program.post(f"{documents}/query", json={"queries": [above]}).json()["total"] == 2
    assert program.get(f"{documents}/x").json()["metadata"] == {"n": 2}
    changed = program.patch(documents, json={"data": {"metadata": {"n": 0}}, "queries": [above]})
    assert changed.json()["total"] == 2
    if not vectors:
        for action, value in (("increment", 3), ("decrement", 2)):
            counted = program.patch(f"{documents}/x/metadata.n/{action}", json={"value": 1})
            assert counted.json()["metadata"]["n"] == value
    assert program.delete(f"{documents}/x").status_code == 204
    assert program.request("DELETE", documents, json={"queries": []}).json()["total"] == 3
    assert program.delete(f"{place}/indexes/i").status_code == 204
    assert program.delete(place).status_code == 204
    assert program.put(base, json={"name": "Renamed"}).json()["name"] == "Renamed"
    assert program.get(base).json()["name"] == "Renamed"
    assert program.get(base.rsplit("/", 1)[0]).json()["total"] >= 1
    assert program.delete(base).status_code == 204
    assert program.get(base).json()["type"] == "database_not_found"


def test_long_vectors_are_queried_in_a_body(program: httpx.Client) -> None:
    database = unique_id()
    assert program.post("/v1/vectorsdb", json={"databaseId": database, "name": "D"}).status_code == 201
    place = f"/v1/vectorsdb/{database}/collections"
    made = {"collectionId": "c", "name": "C", "dimension": 16_000}
    assert program.post(place, json=made).status_code == 201
    for document_id, first in (("far", 0.0), ("near", 0.123456789)):
        vector = [first, *[0.5] * 15_999]
        given = {"documentId": document_id, "data": {"embeddings": vector}}
        assert program.post(f"{place}/c/documents", json=given).json()["embeddings"] == vector
    query = {
        "method": "vectorEuclidean",
        "attribute": "embeddings",
        "values": [[0.123456789, *[0.5] * 15_999]],
    }
    answer = program.post(f"{place}/c/documents/query", json={"queries": [json.dumps(query)]})
    assert [each["$id"] for each in answer.json()["documents"]] == ["near", "far"]
    query["values"] = [[0.5] * 16_001]
    answer = program.post(f"{place}/c/documents/query", json={"queries": [json.dumps(query)]})
    assert answer.json()["type"] == "general_query_invalid"


def test_transactions(program: httpx.Client, base: str) -> None:
    service = base.rsplit("/", 1)[0]
    database = base.rsplit("/", 1)[1]
    dimension = {"dimension": 2} if "vectorsdb" in base else {}
    made = program.post(f"{base}/collections", json={"collectionId": "c", "name": "C", **dimension})
    assert made.status_code == 201
    documents = f"{base}/collections/c/documents"

    def begin() -> dict[str, str]:
        return {"transactionId": program.post(f"{service}/transactions", json={}).json()["$id"]}

    def total(**given: str) -> int:
        count: int = program.get(documents, params=given).json()["total"]
        return count

    first = begin()
    program.post(documents, json={"documentId": "x", "data": data(base, n=1), **first})
    staged = {"action": "update", "databaseId": database, "collectionId": "c", "documentId": "x"}
    operations = f"{service}/transactions/{first['transactionId']}/operations"
    listed = [{**staged, "data": {"metadata": {"n": 2}}}]
    assert program.post(operations, json={"operations": listed}).status_code == 201
    assert (total(), total(**first)) == (0, 1)
    committed = program.patch(f"{service}/transactions/{first['transactionId']}", json={"commit": True})
    assert committed.json()["status"] == "committed"
    assert program.get(f"{documents}/x").json()["metadata"] == {"n": 2}
    second = begin()
    assert program.request("DELETE", f"{documents}/x", json=second).status_code == 204
    undone = program.patch(f"{service}/transactions/{second['transactionId']}", json={"rollback": True})
    assert undone.status_code == 200
    assert total() == 1


def test_an_index_may_be_given_more_lengths_and_orders_than_attributes(program: httpx.Client) -> None:
    documents, tables = unique_id(), unique_id()
    program.post("/v1/documentsdb", json={"databaseId": documents, "name": "D"})
    program.post("/v1/databases", json={"databaseId": tables, "name": "D"})
    given = {"key": "i", "type": "key", "attributes": ["n"], "lengths": [0, 0, 0], "orders": ["desc", "asc"]}
    for base in (f"/v1/documentsdb/{documents}", f"/v1/databases/{tables}"):
        made = program.post(f"{base}/collections", json={"collectionId": "c", "name": "C"})
        assert made.status_code == 201
    # Documents have no columns that lengths and orders could be held against.
    place = f"/v1/documentsdb/{documents}/collections/c/indexes"
    assert program.post(place, json=given).status_code == 202
    index = program.get(f"{place}/i").json()
    assert (index["status"], index["attributes"], index["orders"]) == ("available", ["n"], ["desc"])

    place = f"/v1/databases/{tables}/collections/c"
    column = {"key": "n", "required": False}
    assert program.post(f"{place}/attributes/integer", json=column).status_code == 202
    for more in ("lengths", "orders"):
        fitting = {**given, "lengths": [0], "orders": ["desc"]}
        refused = program.post(f"{place}/indexes", json={**fitting, more: given[more]})
        assert (refused.status_code, refused.json()["type"]) == (400, "index_invalid"), more
    assert program.get(f"{place}/indexes").json()["total"] == 0
