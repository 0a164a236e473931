"""Databases over HTTP: every answer is held against the catalog."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tidewire.core.columns import KINDS
from tidewire.core.ids import unique_id

FAMILIES = {
    "tablesdb": ("tables", "columns", "rows", "tableId", "rowId"),
    "databases": ("collections", "attributes", "documents", "collectionId", "documentId"),
}
SPECIAL: dict[str, dict[str, Any]] = {
    "string": {"size": 100},
    "varchar": {"size": 100},
    "enum": {"elements": ["a", "b"]},
}


@pytest.fixture(params=FAMILIES)
def base(request: pytest.FixtureRequest, program: httpx.Client) -> str:
    """The path of a new database of each family."""
    path = f"/v1/{request.param}"
    database = unique_id()
    created = program.post(path, json={"databaseId": database, "name": "D"})
    assert created.status_code == 201
    assert created.json()["type"] == ("tablesdb" if request.param == "tablesdb" else "legacy")
    return f"{path}/{database}"


def test_every_operation(program: httpx.Client, base: str) -> None:
    tables, columns, rows, table_id, row_id = FAMILIES[base.split("/")[2]]
    table = f"{base}/{tables}/t"
    assert program.post(f"{base}/{tables}", json={table_id: "t", "name": "T"}).status_code == 201
    for kind in KINDS:
        given = {"key": kind, "required": False, **SPECIAL.get(kind, {})}
        assert program.post(f"{table}/{columns}/{kind}", json=given).status_code == 202, kind
        changed = {"required": False, "default": None, **SPECIAL.get(kind, {})}
        assert program.patch(f"{table}/{columns}/{kind}/{kind}", json=changed).status_code == 200, kind
        assert program.get(f"{table}/{columns}/{kind}").json()["key"] == kind
    assert program.get(f"{table}/{columns}").json()["total"] == len(KINDS)
    index = {
        "key": "i",
        "type": "KEY",
        columns: ["integer", "varchar"],
        "orders": ["DESC"],
        "lengths": [None],
    }
    assert program.post(f"{table}/indexes", json={**index, "lengths": [None]}).status_code == 202
    assert program.get(f"{table}/indexes/i").json()[columns] == ["integer", "varchar"]
    latest = {"key": "l", "type": "key", columns: ["$createdAt", "$id"]}
    assert program.post(f"{table}/indexes", json=latest).json()[columns] == ["$createdAt", "$id"]
    assert program.get(f"{table}/indexes").json()["total"] == 2
    assert program.get(table).json()["indexes"][0]["orders"] == ["desc", "asc"]
    created = program.post(f"{table}/{rows}", json={row_id: "r", "data": {"integer": 1, "varchar": "x"}})
    assert created.status_code == 201
    text = json.dumps({"integer": 2})
    assert program.patch(f"{table}/{rows}/r", json={"data": text}).json()["integer"] == 2
    assert program.put(f"{table}/{rows}/s", json={"data": {"integer": 5}}).status_code == 200
    assert program.patch(f"{table}/{rows}/r/integer/increment", json={"value": 3}).json()["integer"] == 5
    assert program.patch(f"{table}/{rows}/r/integer/decrement", json={"min": "0"}).json()["integer"] == 4
    many = program.post(f"{table}/{rows}", json={rows: [{"$id": "m1"}, {"$id": "m2", "integer": 7}]})
    assert [row["$id"] for row in many.json()[rows]] == ["m1", "m2"]
    assert program.put(f"{table}/{rows}", json={rows: [{"$id": "m1", "integer": 9}]}).status_code == 200
    seven = json.dumps({"method": "equal", "attribute": "integer", "values": [7]})
    assert (
        program.patch(f"{table}/{rows}", json={"data": {"integer": 8}, "queries": [seven]}).json()["total"]
        == 1
    )
    listed = program.get(f"{table}/{rows}", params={"queries[0]": seven.replace("7", "8"), "total": "false"})
    assert (listed.json()["total"], len(listed.json()[rows])) == (0, 1)
    queried = program.post(f"{table}/{rows}/query", json={"queries": [seven.replace("7", "8")]})
    assert (queried.status_code, queried.json()["total"]) == (201, 1)
    assert program.get(f"{table}/{rows}/r").json()["varchar"] == "x"
    assert program.delete(f"{table}/{rows}/r").status_code == 204
    assert program.request("DELETE", f"{table}/{rows}", json={}).json()["total"] == 3
    assert program.delete(f"{table}/indexes/i").status_code == 204
    assert program.delete(f"{table}/{columns}/integer").status_code == 204
    assert program.put(table, json={"name": "New", "enabled": False}).json()["name"] == "New"
    assert program.get(f"{base}/{tables}", params={"search": "New"}).json()["total"] == 1
    assert program.delete(table).status_code == 204
    assert program.put(base, json={"name": "New"}).json()["enabled"]
    assert program.get(base).json()["name"] == "New"
    assert program.delete(base).status_code == 204


def test_errors(program: httpx.Client, base: str) -> None:
    tables, columns, rows, table_id, row_id = FAMILIES[base.split("/")[2]]
    table = f"{base}/{tables}/t"
    one = rows[:-1]
    assert program.get(f"{base}/{tables}/none").json()["type"] == f"{tables[:-1]}_not_found"
    program.post(f"{base}/{tables}", json={table_id: "t", "name": "T"})
    again = program.post(f"{base}/{tables}", json={table_id: "t", "name": "T"})
    assert again.json()["type"] == f"{tables[:-1]}_already_exists"
    assert program.get(f"{table}/{columns}/none").json()["type"] == f"{columns[:-1]}_not_found"
    unknown = program.post(f"{table}/{rows}", json={row_id: "r", "data": {"x": 1}})
    assert unknown.json()["type"] == f"{one}_invalid_structure"
    incomplete: list[Any] = [
        {},
        {row_id: "r"},
        {"data": {}},
        {row_id: None, "data": {}},
        {row_id: "r", "data": None},
    ]
    for missing in incomplete:
        refused = program.post(f"{table}/{rows}", json=missing)
        assert (refused.status_code, refused.json()["type"]) == (400, f"{one}_missing_data"), missing
    empty: list[Any] = [{}, {"data": {}}, {"data": None, "permissions": None}]
    for nothing in empty:
        refused = program.put(f"{table}/{rows}/u", json=nothing)
        assert (refused.status_code, refused.json()["type"]) == (400, f"{one}_missing_payload"), nothing
    assert program.put(f"{table}/{rows}/u", json={"permissions": []}).status_code == 200
    for wrong in (
        {row_id: "r", "data": "["},
        {row_id: "_", "data": {}},
        {rows: 5},
        {rows: ["x"]},
    ):
        refused = program.post(f"{table}/{rows}", json=wrong)
        assert refused.json()["type"] == "general_argument_invalid", wrong
    assert program.post(f"{table}/{rows}", json={rows: []}).json()["type"] == f"{one}_missing_data"
    both = program.post(f"{table}/{rows}", json={row_id: "r", "data": {}, rows: [{}]})
    assert both.json()["type"] == "general_bad_request"
    malformed: list[Any] = [
        {rows: [{"$id": "_"}]},
        {rows: [{"$id": 5}]},
        {rows: [{"$permissions": ["fly"]}]},
        {rows: [{"$permissions": "read"}]},
        {rows: [{}], "permissions": ['read("any")']},
    ]
    for each in malformed:
        refused = program.post(f"{table}/{rows}", json=each)
        assert refused.json()["type"] == "general_bad_request", each
    assert program.post(f"{table}/{rows}", json={rows: [{}], "permissions": None}).status_code == 201
    staged = program.post(f"{table}/{rows}", json={row_id: "r", "data": {}, "transactionId": "none"})
    assert staged.json()["type"] == "transaction_not_found"
    query = {"queries[0]": '{"method":"equal","attribute":"x","values":[1]}'}
    assert program.get(f"{table}/{rows}", params=query).json()["type"] == "general_query_invalid"


def test_guests_create_no_tables(client: httpx.Client, base: str) -> None:
    assert client.get(base).json()["type"] == "general_unauthorized_scope"
    rows = "rows" if "tablesdb" in base else "documents"
    tables = "tables" if "tablesdb" in base else "collections"
    bulk = client.post(f"{base}/{tables}/t/{rows}", json={rows: [{}]})
    assert bulk.json()["type"] == "general_unauthorized_scope"
