"""Transactions through unmodified SDKs, with live events."""

from __future__ import annotations

import json
from typing import Any

import pytest
import websockets
from appwrite.client import Client
from appwrite.exception import AppwriteException
from appwrite.id import ID
from appwrite.permission import Permission
from appwrite.query import Query
from appwrite.role import Role
from appwrite.services.tables_db import TablesDB

from tests.sdk.node import run_node
from tests.support.server import TidewireServer


def test_events_come_with_the_commit_in_order(server: TidewireServer, api_key: str) -> None:
    outcome = run_node("transactions.mjs", server.endpoint, server.project, api_key)
    assert (outcome["status"], outcome["operations"]) == ("pending", 4)
    assert outcome["outside"] == [["ann", 100], ["ben", 0]]
    assert outcome["staged"] == [["ann", 70], ["ben", 30], ["log", 30]]
    assert (outcome["hidden"], outcome["stolen"]) == ("transaction_not_found", "transaction_not_found")
    assert outcome["received"][: outcome["before"]] == [["fence.create", 0]]
    committed = [
        ["ann.update", 70],
        ["ben.update", 30],
        ["log.create", 1],
        ["log.update", 30],
        ["temporary.create", 5],
        ["temporary.delete", 5],
    ]
    assert outcome["received"][outcome["before"] :][: len(committed)] == committed
    assert (outcome["committed"]["status"], outcome["committed"]["operations"]) == ("committed", 6)
    assert outcome["again"] == "transaction_not_ready"
    assert (outcome["conflict"], outcome["failed"]) == ([409, "transaction_conflict"], "failed")
    assert outcome["rollback"] == "failed"
    assert outcome["listed"] == ["committed", "failed", "failed"]
    assert outcome["deleted"] == "transaction_not_found"


async def test_python_stages_and_commits(server: TidewireServer, api_key: str) -> None:
    client = Client()
    client.set_endpoint(server.endpoint).set_project(server.project).set_key(api_key)
    tables = TablesDB(client)
    database = ID.unique()
    tables.create(database, "Python")
    tables.create_table(database, "t", "T", [Permission.read(Role.any())])
    tables.create_integer_column(database, "t", "count", False)
    address = f"{server.realtime}?project={server.project}&channels[]=tablesdb.{database}.tables.t.rows"
    async with websockets.connect(address) as guest:
        assert json.loads(await guest.recv())["type"] == "connected"
        transaction = tables.create_transaction(60)
        assert (transaction.status, transaction.operations) == ("pending", 0)
        created = tables.create_row(database, "t", "a", {"count": 1}, transaction_id=transaction.id)
        assert created.data["count"] == 1
        counted = tables.increment_row_column(database, "t", "a", "count", 4, transaction_id=transaction.id)
        assert counted.data["count"] == 5
        place: dict[str, Any] = {"databaseId": database, "tableId": "t"}
        operations: list[dict[str, Any]] = [
            {"action": "update", **place, "rowId": "a", "data": {"count": 7}},
            {"action": "bulkCreate", **place, "data": [{"$id": "b"}, {"$id": "c"}]},
        ]
        assert tables.create_operations(transaction.id, operations).operations == 4
        inside = tables.list_rows(database, "t", [Query.equal("count", 7)], transaction_id=transaction.id)
        assert [row.id for row in inside.rows] == ["a"]
        assert tables.list_rows(database, "t").total == 0
        assert tables.get_row(database, "t", "b", transaction_id=transaction.id).id == "b"
        # An event before the commit would come before this row's.
        tables.create_row(database, "t", "fence", {})
        assert tables.update_transaction(transaction.id, commit=True).status == "committed"
        events = [json.loads(await guest.recv())["data"] for _ in range(4)]
    seen = [(event["payload"]["$id"], event["payload"]["count"]) for event in events]
    assert seen == [("fence", None), ("a", 1), ("a", 5), ("a", 7)]
    assert tables.list_rows(database, "t").total == 4
    with pytest.raises(AppwriteException) as refused:
        tables.create_row(database, "t", "z", {}, transaction_id=transaction.id)
    assert (refused.value.code, refused.value.type) == (400, "transaction_not_ready")
    found: Any = tables.list_transactions([Query.equal("status", ["committed"]), Query.limit(100)])
    assert transaction.id in [each.id for each in found.transactions]
    tables.delete_transaction(transaction.id)
    tables.delete(database)
