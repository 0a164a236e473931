"""A client in PHP is understood: the bytes that its SDK sends, and what comes of them."""

from __future__ import annotations

import json
import os

import pytest

from tests.sdk.php import CHUNK, FORM, JSON, PhpClient, Upload
from tests.support.server import TidewireServer


@pytest.fixture(scope="module")
def project(server: TidewireServer) -> str:
    return server.command("project", "create")


@pytest.fixture(scope="module")
def php(server: TidewireServer, project: str) -> PhpClient:
    key = server.command("key", "create", "--project", project, "--scopes", "all")
    headers = {"X-Appwrite-Response-Format": "1.8.0", "X-Appwrite-Project": project, "X-Appwrite-Key": key}
    return PhpClient(server.port, headers)


@pytest.fixture(scope="module")
def books(php: PhpClient) -> str:
    """Path of a table with a column."""
    made = php.call("POST", "/tablesdb", {"databaseId": "shop", "name": "Bücher/Books"}, JSON)
    assert (made.status, made.json()["name"]) == (201, "Bücher/Books")

    table = {"tableId": "books", "name": "Books", "permissions": ['read("any")'], "rowSecurity": False}
    made = php.call("POST", "/tablesdb/shop/tables", table, JSON)
    assert (made.status, made.json()["$permissions"]) == (201, ['read("any")'])

    column = {"key": "title", "size": 64, "required": False, "default": "Tides", "array": False}
    made = php.call("POST", "/tablesdb/shop/tables/books/columns/string", column, JSON)
    assert (made.status, made.json()["default"]) == (202, "Tides")
    return "/tablesdb/shop/tables/books"


def test_the_bytes() -> None:
    php = PhpClient(8090, {"X-Appwrite-Project": "default"})
    head, body = php.request("DELETE", "/users/ada", {}, JSON)
    assert head == (
        b"DELETE /v1/users/ada HTTP/1.1\r\nHost: 127.0.0.1:8090\r\n"
        b"User-Agent: Linux-6.1.0-28-amd64:php-8.2.36\r\nAccept: */*\r\ncontent-type:application/json\r\n"
        b"x-sdk-name:PHP\r\nx-sdk-platform:server\r\nx-sdk-language:php\r\nx-sdk-version:17.1.0\r\n"
        b"X-Appwrite-Project:default\r\nContent-Length: 2\r\n\r\n"
    )
    assert body == b"[]"
    head, body = php.request(
        "GET", "/users", {"queries": ['{"a":"b c"}', "d"], "total": False, "search": None}
    )
    assert head.startswith(
        b"GET /v1/users?queries%5B0%5D=%7B%22a%22%3A%22b+c%22%7D&queries%5B1%5D=d&total=0 HTTP/1.1\r\n"
    )
    assert b"content-" not in head and body == b""
    assert (
        php.request("POST", "/x", {"name": "ö/", "prefs": {}}, JSON)[1] == rb'{"name":"\u00f6\/","prefs":[]}'
    )


def test_rows(php: PhpClient, books: str) -> None:
    made = php.call("POST", f"{books}/rows", {"rowId": "tides", "data": {"title": "Ebb / Flow"}}, JSON)
    assert (made.status, made.json()["title"]) == (201, "Ebb / Flow")
    php.call("POST", f"{books}/rows", {"rowId": "other", "data": {"title": "Other"}}, JSON)

    queries = [
        json.dumps(
            {"method": "equal", "attribute": "title", "values": ["Ebb / Flow"]}, separators=(",", ":")
        ),
        json.dumps({"method": "limit", "values": [25]}, separators=(",", ":")),
    ]
    for content_type in ("", JSON):  # earlier ones send the type with requests that have no body
        listed = php.call("GET", f"{books}/rows", {"queries": queries, "total": True}, content_type).json()
        assert (listed["total"], [row["$id"] for row in listed["rows"]]) == (1, ["tides"])
    uncounted = php.call("GET", f"{books}/rows", {"queries": queries, "total": False}).json()
    assert (uncounted["total"], len(uncounted["rows"])) == (0, 1)


def test_parameters_that_are_all_left_out(php: PhpClient, books: str) -> None:
    # An empty list in PHP is an empty map as well; JSON has one sign for each.
    made = php.call("POST", f"{books}/rows", {"rowId": "empty", "data": {}}, JSON)
    assert (made.status, made.json()["title"]) == (201, "Tides")
    nothing = php.call("PATCH", f"{books}/rows/empty", {}, JSON)
    assert (nothing.status, nothing.json()["type"]) == (400, "row_missing_payload")
    kept = php.call("PUT", books, {"name": "Books"}, JSON)
    assert (kept.status, kept.json()["$permissions"]) == (200, ['read("any")'])

    gone = php.call("DELETE", f"{books}/rows/empty", {}, JSON)
    assert (gone.status, gone.body) == (204, b"")
    gone = php.call("GET", f"{books}/rows/empty", {})
    assert (gone.status, gone.json()["type"]) == (404, "row_not_found")


def test_empty_objects(php: PhpClient) -> None:
    assert php.call("POST", "/users", {"userId": "grace"}, JSON).status == 201
    assert php.call("POST", "/teams", {"teamId": "crew", "name": "Crew"}, JSON).status == 201
    for path in ("/users/grace/prefs", "/teams/crew/prefs"):
        verb = "PATCH" if path.startswith("/users") else "PUT"
        assert php.call(verb, path, {"prefs": {"theme": "dark"}}, JSON).json() == {"theme": "dark"}
        cleared = php.call(verb, path, {"prefs": {}}, JSON)
        assert (cleared.status, cleared.json()) == (200, {})
    php.call("POST", "/vectorsdb", {"databaseId": "near", "name": "Near"}, JSON)
    collection = {"collectionId": "c", "name": "C", "dimension": 2}
    assert php.call("POST", "/vectorsdb/near/collections", collection, JSON).status == 201
    data = {"embeddings": [1, 0], "metadata": {}}
    made = php.call(
        "POST", "/vectorsdb/near/collections/c/documents", {"documentId": "x", "data": data}, JSON
    )
    assert (made.status, made.json()["metadata"]) == (201, {})


def test_sessions(server: TidewireServer, php: PhpClient, project: str) -> None:
    account = {"userId": "ada", "email": "ada@example.com", "password": "correct horse", "name": "Ada"}
    assert php.call("POST", "/users", account, JSON).status == 201

    browser = PhpClient(server.port, {"X-Appwrite-Project": project})
    signed_in = {"email": "ada@example.com", "password": "correct horse"}
    session = browser.call("POST", "/account/sessions/email", signed_in, JSON)
    assert (session.status, session.json()["secret"]) == (201, "")
    browser.cookie = session.headers["set-cookie"].partition(";")[0]
    assert browser.cookie.startswith(f"a_session_{project}")

    me = browser.call("GET", "/account").json()
    assert (me["$id"], me["prefs"]) == ("ada", {})
    extended = browser.call("PATCH", "/account/sessions/current", {}, JSON)
    assert (extended.status, extended.json()["$id"]) == (200, session.json()["$id"])
    cleared = browser.call("PATCH", "/account/prefs", {"prefs": {}}, JSON)
    assert (cleared.status, cleared.json()["prefs"]) == (200, {})
    assert browser.call("DELETE", "/account/sessions/current", {}, JSON).status == 204
    assert browser.call("GET", "/account").status == 401


def test_files(php: PhpClient) -> None:
    bucket = {
        "bucketId": "pictures",
        "name": "Pictures",
        "permissions": ['read("any")'],
        "fileSecurity": True,
    }
    assert php.call("POST", "/storage/buckets", bucket, JSON).status == 201
    files = "/storage/buckets/pictures/files"

    small = Upload(b"high water", "text/plain", 'Flut "1".txt')
    fields = {"fileId": "small", "file": small, "permissions": ['read("any")', 'update("users")']}
    made = php.call("POST", files, fields, FORM).json()
    assert (made["name"], made["sizeOriginal"]) == ('Flut "1".txt', 10)
    assert made["$permissions"] == ['read("any")', 'update("users")']

    content = os.urandom(CHUNK + 1000)
    missing = php.call("GET", f"{files}/large")  # whether it is to go on with an upload
    assert (missing.status, missing.json()["type"]) == (404, "storage_file_not_found")
    begun: dict[str, str] = {}
    for start in range(0, len(content), CHUNK):
        piece = content[start : start + CHUNK]
        span = {"content-range": f"bytes {start}-{start + len(piece) - 1}/{len(content)}"}
        fields = {"fileId": "large", "file": Upload(piece, "application/octet-stream", "large.bin")}
        sent = php.call("POST", files, fields, FORM, {**span, **begun})
        assert sent.status == 201
        assert sent.asked_first is (len(piece) == CHUNK)
        begun = {"x-appwrite-id": sent.json()["$id"]}
    whole = sent.json()
    assert (whole["chunksUploaded"], whole["chunksTotal"], whole["sizeOriginal"]) == (2, 2, len(content))

    downloaded = php.call("GET", f"{files}/large/download")
    assert downloaded.status == 200
    assert downloaded.body == content
