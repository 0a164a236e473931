"""Documents and vectors through unmodified SDKs: a Python server defines, web clients write and listen."""

from __future__ import annotations

from typing import Any

import pytest
from appwrite.client import Client
from appwrite.enums.documents_db_index_type import DocumentsDBIndexType
from appwrite.enums.vectors_db_index_type import VectorsDBIndexType
from appwrite.exception import AppwriteException
from appwrite.id import ID
from appwrite.permission import Permission
from appwrite.query import Query
from appwrite.role import Role
from appwrite.services.documents_db import DocumentsDB
from appwrite.services.vectors_db import VectorsDB

from tests.sdk.node import run_node
from tests.support.server import TidewireServer


@pytest.fixture
def client(server: TidewireServer, api_key: str) -> Client:
    """A client with all rights."""
    made = Client()
    made.set_endpoint(server.endpoint).set_project(server.project).set_key(api_key)
    return made


def test_documents_are_seen_live_by_those_who_may_read_them(
    server: TidewireServer, api_key: str, client: Client
) -> None:
    documents, vectors = DocumentsDB(client), VectorsDB(client)
    database, images = ID.unique(), ID.unique()
    open_to_users = [Permission.create(Role.users())]
    documents.create(database, "Notes")
    documents.create_collection(database, "notes", "Notes", open_to_users, document_security=True)
    documents.create_index(database, "notes", "city", DocumentsDBIndexType.KEY, ["place.city"])
    documents.create_index(database, "notes", "words", DocumentsDBIndexType.FULLTEXT, ["title"])
    vectors.create(images, "Images")
    vectors.create_collection(images, "images", "Images", 3, open_to_users, document_security=True)

    outcome = run_node("documents.mjs", server.endpoint, server.project, api_key, database, images)
    received = outcome["received"]

    def seen(who: str) -> list[tuple[str, str]]:
        return [(each["payload"]["$id"], each["event"].rsplit(".", 1)[1]) for each in received[who]]

    of_alice = [
        ("own", "create"),
        ("shared", "create"),
        ("own", "update"),
        ("own", "update"),
        ("shared", "upsert"),
        ("shared", "delete"),
    ]
    assert seen("alice") == of_alice
    assert seen("bob") == [each for each in of_alice if each[0] != "own"]
    assert seen("important") == [("own", "update")] * 2
    assert seen("vectors") == [("cat", "create"), ("car", "create")]
    assert received["alice"][0]["event"] == f"documentsdb.{database}.collections.notes.documents.own.create"
    assert received["alice"][3]["payload"]["place"] == {"city": "Kyoto", "visits": 3}
    assert received["bob"][1]["payload"]["anything"] == {"goes": [1, None, {"deep": True}]}
    assert received["vectors"][0]["payload"]["embeddings"] == [1, 0, 0.1]

    assert outcome["counted"]["place"]["visits"] == 3
    assert [each["$id"] for each in outcome["found"]["documents"]] == ["own"]
    assert [each["$id"] for each in outcome["searched"]["documents"]] == ["shared"]
    assert [each["$id"] for each in outcome["matched"]["documents"]] == ["shared"]
    assert [each["$id"] for each in outcome["seenByBob"]["documents"]] == ["shared"]
    assert outcome["refused"] == {"code": 404, "type": "document_not_found"}
    assert [each["$id"] for each in outcome["nearest"]["documents"]] == ["cat", "dog"]
    assert [each["$id"] for each in outcome["filtered"]["documents"]] == ["car"]
    assert [each["$id"] for each in outcome["nearestToBob"]["documents"]] == ["cat", "car"]
    assert outcome["wrong"] == "document_invalid_structure"


def test_python_reads_every_answer_about_documents(client: Client) -> None:
    documents = DocumentsDB(client)
    database = ID.unique()
    assert documents.create(database, "Python").type.value == "documentsdb"
    assert documents.update(database, "Renamed").name == "Renamed"
    assert database in [each.id for each in documents.list().databases]
    assert documents.get(database).id == database
    documents.create_collection(database, "c", "C")
    assert documents.update_collection(database, "c", "D").name == "D"
    assert documents.list_collections(database).total == 1
    assert documents.get_collection(database, "c").attributes == []
    index = documents.create_index(database, "c", "n", DocumentsDBIndexType.KEY, ["n"])
    made = documents.get_index(database, "c", "n")
    assert (index.status.value, made.status.value, made.type) == ("processing", "available", "key")
    assert documents.list_indexes(database, "c").total == 1
    documents.delete_index(database, "c", "n")
    created = documents.create_document(database, "c", "x", {"n": 1, "deep": {"list": [1, {"a": None}]}})
    assert created.data["deep"] == {"list": [1, {"a": None}]}
    documents.create_documents(database, "c", [{"$id": "y", "n": 2}, {"$id": "z", "n": 3}])
    documents.upsert_documents(database, "c", [{"$id": "z", "n": 4}])
    documents.update_documents(database, "c", {"seen": True}, [Query.greater_than("n", 1)])
    assert documents.decrement_document_attribute(database, "c", "z", "n", 2).data["n"] == 2
    assert documents.get_document(database, "c", "z").data["seen"] is True
    queries = [Query.not_exists(["deep"]), Query.order_desc("$id")]
    for listed in (
        documents.list_documents(database, "c", queries),
        documents.create_query(database, "c", queries),
    ):
        assert [each.id for each in listed.documents] == ["z", "y"]
    assert documents.delete_documents(database, "c", [Query.equal("n", 2)]).total == 2
    documents.delete_document(database, "c", "x")
    with pytest.raises(AppwriteException) as refused:
        documents.get_document(database, "c", "x")
    assert refused.value.type == "document_not_found"
    documents.delete_collection(database, "c")
    documents.delete(database)


def test_python_reads_every_answer_about_vectors(client: Client) -> None:
    vectors = VectorsDB(client)
    database = ID.unique()
    assert vectors.create(database, "Python").type.value == "vectorsdb"
    assert vectors.update(database, "Renamed").name == "Renamed"
    vectors.create_collection(database, "c", "C", 2)
    assert vectors.update_collection(database, "c", "D", dimension=3).dimension == 3
    collection: Any = vectors.get_collection(database, "c")
    assert collection.dimension == 3
    assert vectors.list_collections(database).total == 1
    index = vectors.create_index(database, "c", "near", VectorsDBIndexType.HNSW_COSINE, ["embeddings"])
    assert index.status.value == "processing"
    assert vectors.get_index(database, "c", "near").status.value == "available"
    vectors.create_document(database, "c", "x", {"embeddings": [1, 0, 0], "metadata": {"k": 1}})
    vectors.create_documents(database, "c", [{"$id": "y", "embeddings": [0, 1, 0]}])
    vectors.upsert_document(database, "c", "y", {"metadata": {"k": 2}})
    vectors.update_documents(database, "c", {"metadata": {"k": 3}}, [Query.equal("metadata.k", 1)])
    near = [Query.vector_cosine("embeddings", [0.1, 1, 0])]
    for listed in (
        vectors.list_documents(database, "c", near),
        vectors.create_query(database, "c", near),
    ):
        found = [(each.id, each.data["metadata"]["k"]) for each in listed.documents]
        assert found == [("y", 2), ("x", 3)]
    vectors.delete_documents(database, "c", [Query.equal("metadata.k", 3)])
    assert vectors.list_documents(database, "c").total == 1
    vectors.delete(database)
