"""Every operation of transactions, and every operation on rows within one, in all families over HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.api import ApiServer
from tests.support.responses import checked_client
from tidewire.core.ids import unique_id

FAMILIES = ["tablesdb", "databases", "documentsdb", "vectorsdb"]


@dataclass
class Place:
    """A new table of a family, with a column ``n`` or the like."""

    family: str
    database: str

    @property
    def words(self) -> tuple[str, str]:
        return ("tables", "rows") if self.family == "tablesdb" else ("collections", "documents")

    @property
    def path(self) -> str:
        tables, rows = self.words
        return f"/v1/{self.family}/{self.database}/{tables}/t/{rows}"

    @property
    def transactions(self) -> str:
        return f"/v1/{self.family}/transactions"

    def data(self, n: int) -> dict[str, Any]:
        if self.family == "vectorsdb":
            return {"embeddings": [n, 1], "metadata": {"n": n}}
        return {"n": n}

    def number(self, row: dict[str, Any]) -> Any:
        return row["metadata"]["n"] if self.family == "vectorsdb" else row["n"]

    def operation(self, action: str, row_id: str | None, data: Any) -> dict[str, Any]:
        tables, rows = self.words
        row = {f"{rows[:-1]}Id": row_id} if row_id else {}
        named = {"databaseId": self.database, f"{tables[:-1]}Id": "t"}
        return {"action": action, **named, **row, "data": data}


@pytest.fixture(params=FAMILIES)
def place(request: pytest.FixtureRequest, program: httpx.Client) -> Place:
    """An empty table of each family."""
    made = Place(request.param, unique_id())
    tables, _ = made.words
    base = f"/v1/{made.family}/{made.database}"
    database = {"databaseId": made.database, "name": "D"}
    assert program.post(f"/v1/{made.family}", json=database).status_code == 201
    table: dict[str, Any] = {f"{tables[:-1]}Id": "t", "name": "T"}
    if made.family == "vectorsdb":
        table["dimension"] = 2
    if made.family in {"tablesdb", "databases"}:
        columns = "columns" if made.family == "tablesdb" else "attributes"
        table[columns] = [{"key": "n", "type": "integer"}]
    assert program.post(f"{base}/{tables}", json=table).status_code == 201
    return made


def begin(program: httpx.Client, place: Place) -> str:
    begun = program.post(place.transactions, json={"ttl": "60"})
    assert (begun.status_code, begun.json()["status"], begun.json()["operations"]) == (201, "pending", 0)
    transaction_id: str = begun.json()["$id"]
    return transaction_id


def test_every_operation(program: httpx.Client, place: Place) -> None:
    rows, path, row_id = place.words[1], place.path, f"{place.words[1][:-1]}Id"
    transaction = begin(program, place)
    one = f"{place.transactions}/{transaction}"
    within = {"transactionId": transaction}
    created = program.post(path, json={row_id: "a", "data": place.data(1), **within})
    assert (created.status_code, place.number(created.json())) == (201, 1)
    assert [created.json()[key] for key in ("$sequence", "$createdAt", "$updatedAt")] == ["", "", ""]
    many = {rows: [{"$id": name, **place.data(2)} for name in ("b", "c")]}
    several = program.post(path, json={**many, **within})
    assert (several.status_code, several.json()) == (200, {"total": 2, rows: []})
    changed = program.patch(f"{path}/a", json={"data": place.data(3), **within})
    assert (changed.status_code, place.number(changed.json())) == (200, 3)
    upserted = program.put(f"{path}/d", json={"data": place.data(4), **within})
    assert (upserted.status_code, place.number(upserted.json())) == (201, 4)
    again = {rows: [{"$id": "b", **place.data(5)}]}
    assert program.put(path, json={**again, **within}).status_code == 200
    staged = 5
    if place.family != "vectorsdb":
        for action, expected in (("increment", 4), ("decrement", 3)):
            counted = program.patch(f"{path}/a/n/{action}", json={"value": 1, **within})
            assert (counted.status_code, place.number(counted.json())) == (200, expected)
            staged += 1
    key = "metadata.n" if place.family == "vectorsdb" else "n"
    two = json.dumps({"method": "equal", "attribute": key, "values": [2]})
    bulk = program.patch(path, json={"data": place.data(6), "queries": [two], **within})
    assert (bulk.status_code, bulk.json()["total"]) == (200, 1)
    assert program.request("DELETE", f"{path}/d", json=within).status_code == 204
    six = two.replace("2", "6")
    gone = program.request("DELETE", path, json={"queries": [six], **within})
    assert (gone.status_code, gone.json()["total"]) == (200, 1)
    operations = [
        place.operation("create", "e", place.data(7)),
        place.operation("update", "e", place.data(8)),
        place.operation("upsert", "f", place.data(9)),
        place.operation("delete", "f", None),
        place.operation("bulkCreate", None, [{"$id": "g", **place.data(10)}]),
        place.operation("bulkUpsert", None, [{"$id": "g", **place.data(11)}]),
        place.operation("bulkUpdate", None, {"data": place.data(12), "queries": [two.replace("2", "11")]}),
        place.operation("bulkDelete", None, {"queries": [two.replace("2", "5")]}),
    ]
    listed = program.post(f"{one}/operations", json={"operations": operations})
    assert listed.status_code == 201
    inside = program.get(path, params=within).json()
    expected_rows = {row["$id"]: place.number(row) for row in inside[rows]}
    assert expected_rows["e"] == 8
    assert expected_rows["g"] == 12
    assert not expected_rows.keys() & {"b", "c", "d", "f"}
    assert place.number(program.get(f"{path}/e", params=within).json()) == 8
    asked = program.post(f"{path}/query", json={"queries": [two.replace("2", "8")], **within})
    assert [row["$id"] for row in asked.json()[rows]] == ["e"]
    assert program.get(path).json()["total"] == 0
    assert program.get(one).json()["operations"] == staged + 3 + len(operations)
    pending = json.dumps({"method": "equal", "attribute": "status", "values": ["pending"]})
    found = program.get(place.transactions, params={"queries[0]": pending, "total": "true"})
    assert transaction in [each["$id"] for each in found.json()["transactions"]]
    committed = program.patch(one, json={"commit": True})
    assert (committed.status_code, committed.json()["status"]) == (200, "committed")
    after = program.get(path).json()
    assert {row["$id"]: place.number(row) for row in after[rows]} == expected_rows
    assert program.delete(one).status_code == 204
    assert program.get(one).status_code == 404


def test_what_a_deletion_says_in_its_query_string_counts(program: httpx.Client, place: Place) -> None:
    rows, path = place.words[1], place.path
    many = {rows: [{"$id": name, **place.data(n)} for n, name in enumerate("abc")]}
    assert program.post(path, json=many).status_code == 201
    transaction = begin(program, place)
    within = {"transactionId": transaction}
    assert program.delete(f"{path}/a", params=within).status_code == 204
    attribute = "metadata.n" if place.family == "vectorsdb" else "n"
    queries = {"queries[]": json.dumps({"method": "equal", "attribute": attribute, "values": [1]})}
    assert program.delete(path, params={**within, **queries}).json()["total"] == 1
    # The body comes first.
    other = {"transactionId": begin(program, place)}
    assert program.request("DELETE", f"{path}/c", params=other, json=within).status_code == 204
    assert program.get(path).json()["total"] == 3
    committed = program.patch(f"{place.transactions}/{transaction}", json={"commit": True})
    assert committed.json()["operations"] == 3
    assert program.get(path).json()["total"] == 0


def test_errors(program: httpx.Client, place: Place, api: ApiServer) -> None:
    def refused(answer: httpx.Response) -> tuple[int, str]:
        return answer.status_code, answer.json()["type"]

    rows, path, row_id = place.words[1], place.path, f"{place.words[1][:-1]}Id"
    wrong = (400, "general_argument_invalid")
    for ttl in (59, 3601, "x"):
        assert refused(program.post(place.transactions, json={"ttl": ttl})) == wrong
    missing = (404, "transaction_not_found")
    nowhere = f"{place.transactions}/none"
    create = place.operation("create", "a", place.data(1))
    assert refused(program.get(nowhere)) == missing
    assert refused(program.delete(nowhere)) == missing
    assert refused(program.patch(nowhere, json={"commit": True})) == missing
    assert refused(program.post(f"{nowhere}/operations", json={"operations": [create]})) == missing
    within = {"transactionId": "none"}
    queries: list[str] = []
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", path, {row_id: "a", "data": place.data(1)}),
        ("POST", path, {rows: [{"$id": "a", **place.data(1)}]}),
        ("PATCH", f"{path}/a", {"data": place.data(1)}),
        ("PATCH", path, {"data": place.data(1), "queries": queries}),
        ("PUT", f"{path}/a", {"data": place.data(1)}),
        ("PUT", path, {rows: [{"$id": "a", **place.data(1)}]}),
        ("DELETE", f"{path}/a", {}),
        ("DELETE", path, {"queries": queries}),
        ("POST", f"{path}/query", {"queries": queries}),
    ]
    if place.family != "vectorsdb":
        requests += [("PATCH", f"{path}/a/n/{action}", {}) for action in ("increment", "decrement")]
    for method, url, body in requests:
        assert refused(program.request(method, url, json={**body, **within})) == missing
    assert refused(program.get(path, params=within)) == missing
    assert refused(program.get(f"{path}/a", params=within)) == missing

    one = f"{place.transactions}/{begin(program, place)}"
    staging = f"{one}/operations"
    assert refused(program.patch(one, json={})) == (400, "general_bad_request")
    assert refused(program.patch(one, json={"commit": True, "rollback": True})) == (
        400,
        "general_bad_request",
    )
    assert refused(program.post(staging, json={})) == (400, "general_bad_request")
    assert refused(program.post(staging, json={"operations": [{"action": "fly"}]})) == wrong
    too_many = {"operations": [{**create, f"{rows[:-1]}Id": f"r{number}"} for number in range(101)]}
    assert refused(program.post(staging, json=too_many)) == (400, "transaction_limit_exceeded")
    for change, kind in (
        ({"databaseId": "none"}, "database_not_found"),
        ({f"{place.words[0][:-1]}Id": "none"}, "collection_not_found"),
        ({"action": "update"}, "document_not_found"),
    ):
        answer = program.post(staging, json={"operations": [{**create, **change}]})
        assert refused(answer) == (404, kind)
    assert program.post(staging, json={"operations": [create]}).status_code == 201
    assert program.post(path, json={row_id: "a", "data": place.data(1)}).status_code == 201
    assert refused(program.patch(one, json={"commit": True})) == (409, "transaction_conflict")
    assert program.get(one).json()["status"] == "failed"
    done = (400, "transaction_not_ready")
    assert refused(program.patch(one, json={"rollback": True})) == done
    assert refused(program.post(staging, json={"operations": [create]})) == done
    # Transactions of other kinds of databases are other ones.
    for family in FAMILIES:
        alike = {place.family, family} in ({"tablesdb", "databases"}, {place.family})
        found = program.get(f"/v1/{family}/transactions/{one.rpartition('/')[2]}")
        assert found.status_code == (200 if alike else 404)


def test_scopes(place: Place, api: ApiServer) -> None:
    reading, writing = ("rows.read", "rows.write")
    if place.family in {"documentsdb", "vectorsdb"}:
        reading, writing = ("documents.read", "documents.write")
    elif place.family == "databases":
        writing = "documents.write"
    answers = {}
    for scope in (reading, writing):
        headers = {"X-Appwrite-Project": api.project, "X-Appwrite-Key": api.create_key([scope])}
        with checked_client(base_url=api.url, headers=headers, timeout=30) as client:
            one = f"{place.transactions}/none"
            answers[scope] = [
                client.get(place.transactions).status_code,
                client.get(one).status_code,
                client.post(place.transactions, json={}).status_code,
                client.patch(one, json={"commit": True}).status_code,
                client.post(f"{one}/operations", json={"operations": []}).status_code,
                client.delete(one).status_code,
            ]
    assert answers[reading] == [200, 404, 401, 401, 401, 401]
    assert answers[writing] == [401, 401, 201, 404, 400, 404]
