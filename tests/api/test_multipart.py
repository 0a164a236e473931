"""Uploads: forms in every order and spelling, chunks, lies about sizes, and nothing left after a failure."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.api import ApiServer
from tests.support.responses import checked_client
from tidewire.api.multipart import file_name
from tidewire.core.errors import TidewireError
from tidewire.core.uploads import CHUNK_SIZE

URL = "/v1/probe/p/upload"
BOUNDARY = "----limit"

Part = tuple[str, str | None, bytes]


def form(*parts: Part, end: bytes = b"\r\n--" + BOUNDARY.encode() + b"--\r\n") -> bytes:
    """A multipart body of parts (name, file name, content)."""
    body = b""
    for name, filename, content in parts:
        disposition = f'form-data; name="{name}"' + ("" if filename is None else f'; filename="{filename}"')
        head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
        body += (b"\r\n" if body else b"") + head + content
    return body + end


def post(client: httpx.Client, body: Any, **headers: str) -> httpx.Response:
    """Send a multipart body."""
    content_type = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return client.post(
        URL, content=body, headers=content_type | {k.replace("_", "-"): v for k, v in headers.items()}
    )


@pytest.fixture(autouse=True)
def nothing_left(api: ApiServer) -> Iterator[None]:
    """Whatever happens to an upload, object storage has no more files afterwards."""
    before = api.stored_objects()
    yield
    deadline = time.monotonic() + 90  # longer than a silent client may keep its upload open
    while (left := api.stored_objects() - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == set(), f"left at {time.time():.0f}: {_described(left)}\n{api.waiting()}"


def _described(paths: set[Path]) -> list[tuple[str, int, float]]:
    """Names of files, their sizes and when they were written to."""
    found = [(path.name, path.stat()) for path in paths if path.exists()]
    return [(name, status.st_size, status.st_mtime) for name, status in found]


def _error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"]


NAME: Part = ("name", None, b"x")
FILE: Part = ("file", "a.txt", b"content")


def test_a_whole_file(client: httpx.Client) -> None:
    arguments = post(client, form(NAME, FILE)).json()["arguments"]
    assert arguments["fileName"] == "a.txt"
    assert (arguments["size"], arguments["stored"], arguments["head"]) == (7, 7, "content")
    assert arguments["md5"] == hashlib.md5(b"content").hexdigest()
    assert (arguments["range"], arguments["uploadId"]) == (None, None)


def test_fields_after_the_file(client: httpx.Client) -> None:
    tags: list[Part] = [("tags[]", None, b"a"), ("tags[]", None, b"b")]
    assert post(client, form(FILE, *tags, NAME)).json()["arguments"]["tags"] == ["a", "b"]
    tags = [("tags[0]", None, b"a"), ("tags[1]", None, b"b")]
    assert post(client, form(tags[0], NAME, FILE, tags[1])).json()["arguments"]["tags"] == ["a", "b"]


def test_a_body_in_the_smallest_pieces(client: httpx.Client) -> None:
    body = form(NAME, FILE)
    arguments = post(client, (body[i : i + 1] for i in range(len(body)))).json()["arguments"]
    assert arguments["stored"] == 7


def test_a_large_file_with_what_looks_like_boundaries(client: httpx.Client) -> None:
    content = (b"\r\n--" + BOUNDARY.encode()[:-1] + b"x" + b"\r\n" * 100 + bytes(range(256))) * 5000
    arguments = post(client, form(NAME, ("file", "b", content))).json()["arguments"]
    assert (arguments["stored"], arguments["md5"]) == (len(content), hashlib.md5(content).hexdigest())


def test_an_empty_file(client: httpx.Client) -> None:
    assert post(client, form(NAME, ("file", "a.txt", b""))).json()["arguments"]["size"] == 0


@pytest.mark.parametrize(
    "parts",
    [
        [NAME],
        [NAME, ("file", None, b"content")],
        [NAME, ("file", "", b"")],
        [NAME, ("other", "a.txt", b"content")],
    ],
)
def test_no_file(client: httpx.Client, parts: list[Part]) -> None:
    assert _error(post(client, form(*parts))) == (400, "storage_file_empty")


def test_no_file_in_json(client: httpx.Client) -> None:
    assert _error(client.post(URL, json={"name": "x"})) == (400, "storage_file_empty")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (form(NAME, FILE, end=b""), "general_argument_invalid"),
        (form(NAME, FILE)[:-30], "general_argument_invalid"),
        (form(FILE, end=b"\r\n--" + BOUNDARY.encode() + b"!!"), "general_argument_invalid"),
        (b"", "general_argument_invalid"),
        (b"nonsense", "general_argument_invalid"),
        (form(FILE), "general_argument_invalid"),
        (form(("name", None, b"much too long"), FILE), "general_argument_invalid"),
        (form(FILE, NAME, FILE), "general_argument_invalid"),
        (form(FILE, ("name", None, b"\xff")), "general_argument_invalid"),
        (form(FILE, *[NAME] * 600), "general_argument_invalid"),
        (form(NAME, ("file", "a" * 256, b"x")), "general_argument_invalid"),
        (form(FILE, NAME, ("refuse", None, b"true")), "storage_file_type_unsupported"),
        (form(NAME, FILE).replace(b"form-data", b"attachment"), "general_argument_invalid"),
        (form(FILE, NAME).replace(b"Content-Disposition", b"X" * 10_000, 1), "general_argument_invalid"),
    ],
)
def test_broken_forms(client: httpx.Client, body: bytes, kind: str) -> None:
    assert _error(post(client, body)) == (400, kind)


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_no_boundary(client: httpx.Client, content_type: str) -> None:
    response = client.post(URL, content=form(NAME, FILE), headers={"Content-Type": content_type})
    assert _error(response) == (400, "general_argument_invalid")


def test_too_large(client: httpx.Client) -> None:
    parts = form(NAME, ("file", "a", b"x" * 12_000_001))
    assert _error(post(client, parts)) == (413, "general_content_too_large")
    pieces = (parts[i : i + 100_000] for i in range(0, len(parts), 100_000))
    assert _error(post(client, pieces)) == (413, "general_content_too_large")
    huge = form(NAME, ("file", "a", b"x" * 20_000_000))
    assert _error(post(client, huge)) == (413, "general_content_too_large")
    fields = form(FILE, ("name", None, b"x" * 1_100_000))
    assert _error(post(client, fields)) == (413, "general_content_too_large")


def test_chunks(client: httpx.Client) -> None:
    total = CHUNK_SIZE + 3
    body = form(NAME, ("file", "a", b"x" * CHUNK_SIZE))
    response = post(client, body, Content_Range=f"bytes 0-{CHUNK_SIZE - 1}/{total}")
    arguments = response.json()["arguments"]
    assert (arguments["range"], arguments["number"]) == ([0, CHUNK_SIZE - 1, total], 1)
    assert (arguments["size"], arguments["uploadId"]) == (CHUNK_SIZE, None)
    response = post(
        client,
        form(NAME, ("file", "a", b"xyz")),
        Content_Range=f"bytes {CHUNK_SIZE}-{total - 1}/{total}",
        X_Appwrite_ID="f1",
    )
    arguments = response.json()["arguments"]
    assert (arguments["number"], arguments["uploadId"], arguments["stored"]) == (2, "f1", 3)
    response = post(client, form(NAME, FILE), Content_Range="bytes 0-6/7")
    assert response.json()["arguments"]["range"] == [0, 6, 7]


@pytest.mark.parametrize(
    "header",
    [
        "bytes 0-5/7",
        "bytes 0-7/8",
        "bytes 0-6/6",
        "bytes 6-0/7",
        "bytes 0-6/*",
        "bytes */7",
        "bytes=0-6/7",
        "items 0-6/7",
        "bytes 0-6",
        "bytes -1-6/7",
        "bytes 1-7/8",
        "bytes 0-6/9000000",
        f"bytes 0-{CHUNK_SIZE}/{CHUNK_SIZE + 1}",
        f"bytes {CHUNK_SIZE + 1}-{CHUNK_SIZE + 7}/{CHUNK_SIZE + 8}",
        "bytes 0-6/7, bytes 0-6/7",
        "bytes 99999999999999999999-99999999999999999999/99999999999999999999",
        "x",
    ],
)
def test_content_ranges_that_lie(client: httpx.Client, header: str) -> None:
    assert _error(post(client, form(NAME, FILE), Content_Range=header)) == (
        400,
        "storage_invalid_content_range",
    )


def test_the_announced_file_is_too_large(client: httpx.Client) -> None:
    response = post(client, form(NAME, FILE), Content_Range=f"bytes 0-{CHUNK_SIZE - 1}/12000001")
    assert _error(response) == (400, "storage_invalid_file_size")


@pytest.mark.parametrize("upload_id", ["_x", "../x", "a b", "x" * 37])
def test_bad_upload_ids(client: httpx.Client, upload_id: str) -> None:
    response = post(client, form(NAME, FILE), X_Appwrite_ID=upload_id)
    assert _error(response) == (400, "storage_invalid_appwrite_id")


def test_refused_before_the_body_is_read(api: ApiServer) -> None:
    for path, status in (
        ("/v1/probe/..%2F/upload", b"400"),
        ("/v1/storage/buckets/b/nowhere", b"404"),
        ("/v1/probe/p/upload?project=nobody", b"404"),
    ):
        project = "nobody" if "nobody" in path else api.project
        with socket.create_connection(api.address, timeout=20) as connection:
            connection.sendall(
                f"POST {path} HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: {project}\r\n"
                "Content-Length: 1000000\r\nExpect: 100-continue\r\n"
                "Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode()
            )
            assert connection.recv(65536).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize("sent", [0.3, 0.9])
def test_a_client_that_goes_away(api: ApiServer, sent: float) -> None:
    body = form(NAME, ("file", "a", b"x" * 3_000_000))
    with socket.create_connection(api.address, timeout=20) as connection:
        connection.sendall(
            f"POST {URL} HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: {api.project}\r\n"
            f"Content-Length: {len(body)}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode()
            + body[: int(len(body) * sent)]
        )


def test_the_connection_survives_a_refused_upload(client: httpx.Client) -> None:
    body = form(NAME, ("file", "a", b"x" * 4_000_000))
    for _ in range(3):
        assert _error(post(client, body, Content_Range="x")) == (400, "storage_invalid_content_range")
    assert client.get("/v1/probe/p").status_code == 200


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.txt", "a.txt"),
        ("a\r\nb\0c.txt", "abc.txt"),
        ("..", "file"),
        ("", "file"),
        ("dir/", "file"),
        (" ü.png ", "ü.png"),
        ("a\ud800b", "ab"),
    ],
)
def test_file_names(sent: str, expected: str) -> None:
    assert file_name(sent) == expected


@given(st.text(max_size=300))
def test_any_file_name(sent: str) -> None:
    try:
        name = file_name(sent)
    except TidewireError:
        return
    assert 0 < len(name) <= 255
    assert not set(name) & set("/\\\0\r\n")
    name.encode()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_forms_are_refused_or_understood(api: ApiServer, data: st.DataObject) -> None:
    body = bytearray(form(NAME, FILE, ("tags[]", None, b"a")))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    with checked_client(base_url=api.url, headers={"X-Appwrite-Project": api.project}) as client:
        assert post(client, bytes(body)).status_code in {201, 400}
