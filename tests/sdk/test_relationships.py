"""Relationships through unmodified SDKs."""

from __future__ import annotations

from typing import Any

import pytest
from appwrite.client import Client
from appwrite.enums.relation_mutate import RelationMutate
from appwrite.enums.relationship_type import RelationshipType
from appwrite.exception import AppwriteException
from appwrite.id import ID
from appwrite.query import Query
from appwrite.services.databases import Databases
from appwrite.services.tables_db import TablesDB

from tests.sdk.node import run_node
from tests.support.server import TidewireServer


def test_related_rows_are_written_and_read_by_those_who_may(server: TidewireServer, api_key: str) -> None:
    outcome = run_node("relationships.mjs", server.endpoint, server.project, api_key)
    assert (outcome["column"]["relatedTable"], outcome["column"]["side"]) == ("authors", "parent")
    assert outcome["changed"]["onDelete"] == "restrict"
    assert (outcome["other"]["relatedTable"], outcome["other"]["onDelete"]) == ("books", "restrict")
    assert outcome["attribute"]["relatedCollection"] == "notes"
    assert outcome["renamed"]["key"] == "remarks"
    assert [column["key"] for column in outcome["listed"]["columns"]] == ["author", "remarks"]

    assert outcome["created"]["author"]["name"] == "Jane"
    assert [note["$id"] for note in outcome["created"]["remarks"]] == ["secret"]
    assert not outcome["plain"].keys() & {"author", "remarks"}
    by_alice, by_bob = outcome["seenByAlice"]["rows"], outcome["seenByBob"]["rows"]
    for row in (*by_alice, *by_bob):
        assert [book["name"] for book in row["author"]["books"]] == ["Emma", "Persuasion"]
        assert columns_of(row["author"]) == {"books"}
        assert all(columns_of(book) == {"name"} for book in row["author"]["books"])
    assert [row["remarks"] for row in by_bob] == [[], []]
    assert by_alice[0]["remarks"][0]["name"] == "for Alice only"
    assert outcome["guessed"] == {"total": 0, "rows": []}
    assert outcome["restricted"] == {"code": 403, "type": "row_delete_restricted"}
    assert outcome["invalid"] == "relationship_value_invalid"

    def told(who: str) -> list[str]:
        return [".".join(each["event"].split(".")[3:]) for each in outcome["received"][who]]

    by_bob_heard = [
        "authors.rows.jane.create",
        "books.rows.emma.create",
        "authors.rows.jane.update",
        "books.rows.persuasion.create",
        "authors.rows.jane.update",
        "books.rows.emma.update",
        "books.rows.persuasion.update",
        "authors.rows.jane.delete",
    ]
    assert told("bob") == by_bob_heard
    assert told("alice") == [*by_bob_heard[:2], "notes.rows.secret.create", *by_bob_heard[2:]]
    for each in outcome["received"]["alice"]:
        assert not each["payload"].keys() & {"author", "books", "remarks"}


def test_python_reads_every_answer(server: TidewireServer, api_key: str) -> None:
    client = Client()
    client.set_endpoint(server.endpoint).set_project(server.project).set_key(api_key)
    tables, older = TablesDB(client), Databases(client)
    database = ID.unique()
    tables.create(database, "Python")
    for table_id in ("people", "cards"):
        tables.create_table(database, table_id, table_id)
        tables.create_varchar_column(database, table_id, "name", 100, False)
    column = tables.create_relationship_column(
        database, "people", "cards", RelationshipType.ONETOONE, True, "card", "person", RelationMutate.SETNULL
    )
    assert (column.relatedtable, column.twowaykey, column.side) == ("cards", "person", "parent")
    changed = tables.update_relationship_column(
        database, "people", "card", RelationMutate.CASCADE, "identity"
    )
    assert (changed.key, changed.ondelete) == ("identity", "cascade")
    other: Any = tables.get_column(database, "cards", "person")
    assert (other.relatedtable, other.twowaykey) == ("people", "identity")
    attribute = older.update_relationship_attribute(database, "cards", "person", RelationMutate.RESTRICT)
    assert (attribute.relatedcollection, attribute.ondelete) == ("people", "restrict")
    listed: Any = tables.list_columns(database, "people")
    assert [each.key for each in listed.columns] == ["name", "identity"]
    whole: Any = tables.get_table(database, "people")
    assert [each.key for each in whole.columns] == ["name", "identity"]

    person = tables.create_row(
        database, "people", "p", {"name": "Ann", "identity": {"$id": "c", "name": "Card"}}
    )
    assert person.data["identity"]["name"] == "Card"
    found = tables.list_rows(
        database, "cards", [Query.select(["name", "person.name"]), Query.equal("person.name", "Ann")]
    )
    person_read = found.rows[0].data["person"]
    assert (person_read["name"], person_read["$id"], columns_of(person_read)) == ("Ann", "p", {"name"})
    with pytest.raises(AppwriteException) as refused:
        tables.delete_row(database, "people", "p")
    assert refused.value.type == "row_delete_restricted"
    tables.delete_column(database, "cards", "person")
    with pytest.raises(AppwriteException) as gone:
        tables.get_column(database, "people", "identity")
    assert gone.value.type == "column_not_found"
    tables.delete(database)


def columns_of(row: dict[str, Any]) -> set[str]:
    """The names of its columns: what the system keeps of every row begins with a dollar sign."""
    return {name for name in row if not name.startswith("$")}
