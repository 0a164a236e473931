"""With what one may do nothing, that does not exist: whatever is asked of it, the answer is that of an id
without anything.

Asked by an attacker who knows the id, or guesses it, over real HTTP.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.people import sign_up
from tests.support.api import ApiServer
from tidewire.core.ids import unique_id
from tidewire.core.scopes import PROJECT_KEY_SCOPES

FAMILIES = ["tablesdb", "databases", "documentsdb", "vectorsdb"]
LONG_AGO = "2001-01-01T00:00:00.000+00:00"


@pytest.fixture
def program(api: ApiServer) -> Any:
    """The app's own server."""
    key = api.create_key(sorted(PROJECT_KEY_SCOPES))
    headers = {"X-Appwrite-Project": api.project, "X-Appwrite-Key": key}
    with httpx.Client(base_url=f"{api.url}/v1", headers=headers, timeout=30) as client:
        yield client


@pytest.fixture
def attacker(api: ApiServer) -> Any:
    """Somebody who signed up."""
    with httpx.Client(base_url=api.url, headers={"X-Appwrite-Project": api.project}, timeout=30) as client:
        sign_up(client, unique_id())
        client.base_url = f"{api.url}/v1/"
        yield client


def answer(client: httpx.Client, method: str, path: str, body: Any, **headers: str) -> tuple[int, str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = client.request(method, path, json=body, headers=named)
    content = response.json() if response.content else {}
    return response.status_code, content.get("type", ""), content.get("message", "")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("row_security", [True, False])
@pytest.mark.parametrize("creating", [True, False])
def test_hidden_rows(
    program: httpx.Client, attacker: httpx.Client, family: str, row_security: bool, creating: bool
) -> None:
    database = unique_id()
    tables, rows = ("tables", "rows") if family == "tablesdb" else ("collections", "documents")
    program.post(f"/{family}", json={"databaseId": database, "name": "D"}).raise_for_status()
    security = {f"{rows[:-1]}Security": row_security}
    granted = ['create("users")'] if creating else []
    table: dict[str, Any] = {f"{tables[:-1]}Id": "t", "name": "T", "permissions": granted, **security}
    if family == "vectorsdb":
        table["dimension"] = 2
    elif family != "documentsdb":
        table["columns" if family == "tablesdb" else "attributes"] = [{"key": "n", "type": "integer"}]
    program.post(f"/{family}/{database}/{tables}", json=table).raise_for_status()
    of_table = f"/{family}/{database}/{tables}/t/{rows}"
    data = {"embeddings": [1, 1], "metadata": {"n": 1}} if family == "vectorsdb" else {"n": 1}
    program.post(of_table, json={f"{rows[:-1]}Id": "hidden", "data": data}).raise_for_status()
    transactions = f"/{family}/transactions"
    transaction = attacker.post(transactions, json={}).json()["$id"]
    place = {"databaseId": database, f"{tables[:-1]}Id": "t"}

    def asked(row_id: str) -> list[tuple[int, str, str]]:
        one = f"{of_table}/{row_id}"
        answers = []
        requests: list[tuple[str, str, Any]] = [
            ("GET", one, None),
            ("PATCH", one, {"data": data}),
            ("PATCH", one, {"data": {"unknown": 1, "n": "wrong"}}),
            ("PATCH", one, {"permissions": ['read("any")']}),
            ("DELETE", one, {}),
        ]
        if not creating:
            requests += [("PUT", one, {"data": data}), ("PUT", one, {"data": {"n": "wrong"}})]
        if family != "vectorsdb":
            requests += [("PATCH", f"{one}/n/{way}", {}) for way in ("increment", "decrement")]
            requests.append(("PATCH", f"{one}/unknown/increment", {"value": 1}))
        for method, path, body in requests:
            answers.append(answer(attacker, method, path, body))
            answers.append(answer(attacker, method, path, body, X_Appwrite_Timestamp=LONG_AGO))
            if body is not None:
                answers.append(answer(attacker, method, path, {**body, "transactionId": transaction}))
        for action, content in (
            ("update", data),
            ("delete", None),
            ("increment", {"column": "n", "value": 1}),
        ):
            operation = {"action": action, **place, f"{rows[:-1]}Id": row_id, "data": content}
            body = {"operations": [operation]}
            answers.append(answer(attacker, "POST", f"{transactions}/{transaction}/operations", body))
        return answers

    hidden, absent = asked("hidden"), asked("none")
    assert hidden == absent
    assert all(status in {400, 401, 404} for status, _, _ in hidden)
    changing = [status for status, kind, _ in hidden if kind != "user_unauthorized"]
    assert changing
    assert set(changing) == {404}
    if creating:
        # That the id is taken shows, as it does in an attempt to create a row; but nothing more.
        upsert = answer(attacker, "PUT", f"{of_table}/hidden", {"data": data})
        assert upsert[0] == 404
    left = program.get(f"{of_table}/hidden").json()
    assert left["$createdAt"] == left["$updatedAt"]


@pytest.mark.parametrize("file_security", [True, False])
@pytest.mark.parametrize("granted", [[], ['create("users")'], ['read("user:other")', 'update("user:other")']])
def test_hidden_files(
    program: httpx.Client, attacker: httpx.Client, file_security: bool, granted: list[str]
) -> None:
    bucket = unique_id()
    made = {"bucketId": bucket, "name": "B", "permissions": granted, "fileSecurity": file_security}
    program.post("/storage/buckets", json=made).raise_for_status()
    of_bucket = f"/storage/buckets/{bucket}/files"
    program.post(of_bucket, data={"fileId": "hidden"}, files={"file": ("a.txt", b"a")}).raise_for_status()

    def asked(file_id: str) -> list[tuple[int, str, str]]:
        one = f"{of_bucket}/{file_id}"
        return [
            answer(attacker, method, path, body)
            for method, path, body in (
                ("GET", one, None),
                ("GET", f"{one}/download", None),
                ("GET", f"{one}/view", None),
                ("PUT", one, {"name": "mine"}),
                ("PUT", one, {"name": "a.txt"}),
                ("PUT", one, {}),
                ("PUT", one, {"permissions": ['read("any")']}),
                ("DELETE", one, None),
            )
        ]

    hidden, absent = asked("hidden"), asked("none")
    assert hidden == absent
    expected = (404, "storage_file_not_found") if file_security else (401, "user_unauthorized")
    assert {(status, kind) for status, kind, _ in hidden} == {expected}
    assert program.get(f"{of_bucket}/hidden").json()["name"] == "a.txt"


@pytest.mark.parametrize(("granted", "refused"), [("update", "delete"), ("delete", "update")])
def test_who_may_do_something_is_told_what_they_may_not(
    program: httpx.Client, attacker: httpx.Client, granted: str, refused: str
) -> None:
    granting = {"permissions": [f'{granted}("users")']}
    database, bucket = unique_id(), unique_id()
    program.post("/databases", json={"databaseId": database, "name": "D"}).raise_for_status()
    table = {"collectionId": "t", "name": "T", "documentSecurity": True}
    table["attributes"] = [{"key": "n", "type": "integer"}]
    program.post(f"/databases/{database}/collections", json=table).raise_for_status()
    row = f"/databases/{database}/collections/t/documents"
    program.post(row, json={"documentId": "r", "data": {"n": 1}, **granting}).raise_for_status()
    made = {"bucketId": bucket, "name": "B", "fileSecurity": True}
    program.post("/storage/buckets", json=made).raise_for_status()
    file = f"/storage/buckets/{bucket}/files"
    form = {"fileId": "r", "permissions[]": granting["permissions"]}
    program.post(file, data=form, files={"file": ("a.txt", b"a")}).raise_for_status()
    transaction = attacker.post("/databases/transactions", json={}).json()["$id"]

    requests: dict[str, list[tuple[str, str, Any]]] = {
        "update": [
            ("PATCH", f"{row}/r", {"data": {"n": 2}}),
            ("PUT", f"{row}/r", {"data": {"n": 2}}),
            ("PATCH", f"{row}/r/n/increment", {"value": 1}),
            ("PATCH", f"{row}/r", {"data": {"n": 2}, "transactionId": transaction}),
            ("PUT", f"{file}/r", {"name": "b.txt"}),
        ],
        "delete": [
            ("DELETE", f"{row}/r", {"transactionId": transaction}),
            ("DELETE", f"{row}/r", {}),
            ("DELETE", f"{file}/r", None),
        ],
    }
    for one in (f"{row}/r", f"{file}/r"):
        assert answer(attacker, "GET", one, None)[0] == 404
    for method, path, body in requests[refused]:
        assert answer(attacker, method, path, body)[:2] == (401, "user_unauthorized"), path
    for method, path, body in requests[granted]:
        status, kind, message = answer(attacker, method, path, body)
        assert status in {200, 201, 204}, (path, kind, message)
