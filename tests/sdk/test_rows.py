"""Tables and rows through unmodified SDKs."""

from __future__ import annotations

from typing import Any

import pytest
from appwrite.client import Client
from appwrite.enums.tables_db_index_type import TablesDBIndexType
from appwrite.exception import AppwriteException
from appwrite.id import ID
from appwrite.operator import Operator
from appwrite.query import Query
from appwrite.services.tables_db import TablesDB

from tests.sdk.node import run_node
from tests.support.server import TidewireServer


def test_rows_are_seen_live_by_those_who_may_read_them(server: TidewireServer, api_key: str) -> None:
    outcome = run_node("rows.mjs", server.endpoint, server.project, api_key)
    received = outcome["received"]

    def seen(who: str) -> list[tuple[str, str]]:
        return [(event["payload"]["$id"], event["events"][0].rsplit(".", 1)[1]) for event in received[who]]

    of_alice = [
        ("own", "create"),
        ("shared", "create"),
        ("own", "update"),
        ("own", "update"),
        ("shared", "upsert"),
        ("b2", "create"),
        ("shared", "delete"),
    ]
    assert seen("alice") == seen("documents") == of_alice
    assert seen("bob") == [each for each in of_alice if each[0] != "own"]
    assert seen("done") == [("own", "update")] * 2
    database = outcome["databaseId"]
    assert received["alice"][0]["events"][0] == f"tablesdb.{database}.tables.todos.rows.own.create"
    assert received["alice"][3]["payload"]["count"] == 7

    assert {column["status"] for column in outcome["table"]["columns"]} == {"available"}
    assert (outcome["attribute"]["min"], outcome["attribute"]["max"]) == (0, 100)
    assert outcome["own"]["due"] == "2030-01-01T10:00:00.000+00:00"
    assert (outcome["counted"]["count"], outcome["counted"]["done"]) == (7, True)
    assert [row["$id"] for row in outcome["found"]["rows"]] == ["own"]
    assert outcome["near"]["total"] == 1
    assert [row["$id"] for row in outcome["seenByBob"]["rows"]] == ["shared"]
    assert outcome["refused"] == {"code": 404, "type": "row_not_found"}
    assert outcome["document"]["$collectionId"] == "todos"
    assert outcome["wrong"] == "row_invalid_structure"
    assert [row["$id"] for row in outcome["bulk"]["rows"]] == ["b1", "b2"]
    assert outcome["removed"]["total"] == 1


def test_python_reads_every_answer(server: TidewireServer, api_key: str) -> None:
    client = Client()
    client.set_endpoint(server.endpoint).set_project(server.project).set_key(api_key)
    tables = TablesDB(client)
    database = ID.unique()
    assert tables.create(database, "Python").type.value == "tablesdb"
    tables.create_table(database, "t", "T")
    tables.create_float_column(database, "t", "price", True, min=0)
    tables.create_email_column(database, "t", "mail", False, default="a@example.com")
    tables.create_big_int_column(database, "t", "large", False)
    tables.create_line_column(database, "t", "way", False)
    listed: Any = tables.list_columns(database, "t")
    assert [column.key for column in listed.columns] == ["price", "mail", "large", "way"]
    mail: Any = tables.get_column(database, "t", "mail")
    assert mail.default == "a@example.com"
    tables.create_index(database, "t", "by_price", TablesDBIndexType.KEY, ["price"])
    row = tables.create_row(database, "t", "r", {"price": 1.5, "large": 2**60})
    assert row.data["price"] == 1.5
    changed = tables.update_row(database, "t", "r", {"price": Operator.multiply(4)})
    assert changed.data["price"] == 6
    found = tables.list_rows(database, "t", [Query.between("price", 5, 7), Query.order_asc("price")])
    assert (found.total, found.rows[0].id) == (1, "r")
    with pytest.raises(AppwriteException) as refused:
        tables.create_row(database, "t", "s", {"price": -1})
    assert refused.value.type == "row_invalid_structure"
    tables.delete(database)
