"""Downloads: ranges, copies that are still good, names, and content that must not run in a browser."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.probe import CONTENT, READING
from tests.support.api import ApiServer
from tests.support.server import TidewireServer
from tidewire.api.content_range import parse_range
from tidewire.api.downloads import content_disposition, shown_type
from tidewire.core.errors import TidewireError

URL = "/v1/probe/p/content"


def test_the_whole(client: httpx.Client) -> None:
    response = client.get(URL, params={"size": len(CONTENT)})
    assert response.status_code == 200
    assert response.content == CONTENT
    assert response.headers["content-length"] == str(len(CONTENT))
    assert response.headers["accept-ranges"] == "bytes"
    assert response.headers["etag"] == '"etag-p"'
    assert response.headers["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["content-disposition"] == 'attachment; filename="a.bin"'
    assert client.get(URL, params={"size": 0}).content == b""


def test_head(client: httpx.Client) -> None:
    response = client.head(URL, params={"size": len(CONTENT)})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=900-", 900, 1000),
        ("bytes=-10", 990, 1000),
        ("bytes=-5000", 0, 1000),
        ("bytes=990-5000", 990, 1000),
        ("bytes=0-0", 0, 1),
        ("bytes=999-999", 999, 1000),
    ],
)
def test_ranges(client: httpx.Client, header: str, start: int, stop: int) -> None:
    response = client.get(URL, headers={"Range": header})
    assert (response.status_code, response.content) == (206, CONTENT[start:stop])
    assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/1000"
    assert response.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize(
    "header",
    [
        "bytes=1000-",
        "bytes=5-2",
        "bytes=-0",
        "bytes=-",
        "bytes=",
        "bytes=x-y",
        "items=0-1",
        "bytes 0-1",
        "x",
        "bytes=0",
    ],
)
def test_bad_ranges(client: httpx.Client, header: str) -> None:
    response = client.get(URL, headers={"Range": header})
    assert (response.status_code, response.json()["type"]) == (416, "storage_invalid_range")
    assert response.headers["content-range"] == "bytes */1000"


def test_several_ranges_get_the_whole(client: httpx.Client) -> None:
    assert client.get(URL, headers={"Range": "bytes=0-1, 5-6"}).status_code == 200


def test_a_range_of_nothing(client: httpx.Client) -> None:
    assert client.get(URL, params={"size": 0}, headers={"Range": "bytes=0-"}).status_code == 416


@given(st.text("bytes=0123456789-, ", max_size=30), st.integers(0, 50))
def test_any_range(header: str, size: int) -> None:
    try:
        wanted = parse_range(header, size)
    except TidewireError as error:
        assert error.type == "storage_invalid_range"
        return
    assert wanted is None or 0 <= wanted[0] < wanted[1] <= size


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": '"etag-p"'}, 304),
        ({"If-None-Match": 'W/"etag-p"'}, 304),
        ({"If-None-Match": '"a", "etag-p"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-None-Match": '"other"', "If-Modified-Since": "Fri, 01 Jan 2038 00:00:00 GMT"}, 200),
        ({"If-Modified-Since": "Tue, 14 Nov 2023 22:13:20 GMT"}, 304),
        ({"If-Modified-Since": "Tue, 14 Nov 2023 22:13:19 GMT"}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Modified-Since": "Tue, 14 Nov 99999999999 22:13:19 GMT"}, 200),
        ({"Range": "bytes=0-1", "If-Range": '"etag-p"'}, 206),
        ({"Range": "bytes=0-1", "If-Range": "Tue, 14 Nov 2023 22:13:20 GMT"}, 206),
        ({"Range": "bytes=0-1", "If-Range": '"other"'}, 200),
        ({"Range": "bytes=9999-", "If-Range": '"other"'}, 200),
        ({"Range": "bytes=0-1", "If-None-Match": '"etag-p"'}, 304),
    ],
)
def test_conditions(client: httpx.Client, headers: dict[str, str], status: int) -> None:
    response = client.get(URL, headers=headers)
    assert response.status_code == status
    assert response.headers["etag"] == '"etag-p"'


@pytest.mark.parametrize(
    ("mime_type", "shown"),
    [
        ("text/html", "text/plain; charset=utf-8"),
        ("text/javascript", "text/plain; charset=utf-8"),
        ("application/javascript", "text/plain; charset=utf-8"),
        ("application/xhtml+xml", "text/plain; charset=utf-8"),
        ("application/xml", "text/plain; charset=utf-8"),
        ("text/xml", "text/plain; charset=utf-8"),
        ("image/svg+xml", "image/svg+xml"),
        ("image/png", "image/png"),
        ("video/mp4", "video/mp4"),
        ("application/pdf", "application/pdf"),
        ("text/plain", "text/plain"),
        ("multipart/x-mixed-replace", "application/octet-stream"),
        ("application/zip", "application/octet-stream"),
    ],
)
def test_what_is_shown_does_not_run(client: httpx.Client, mime_type: str, shown: str) -> None:
    assert shown_type(mime_type) == shown
    response = client.get(URL, params={"mime": mime_type, "inline": "true"})
    assert response.headers["content-type"] == shown
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-disposition"].startswith("inline;")
    policy = response.headers.get("content-security-policy", "")
    assert "sandbox" in policy or shown == "application/pdf"
    saved = client.get(URL, params={"mime": mime_type})
    assert saved.headers["content-disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    "name", ['a"b.txt', "ü – 图.png", "a\\b%41?.txt", "a;b=c.txt", "x\r\nSet-Cookie: a=b"]
)
def test_names(client: httpx.Client, name: str) -> None:
    response = client.get(URL, params={"name": name})
    assert response.status_code == 200
    assert "set-cookie" not in response.headers
    plain, separator, encoded = response.headers["content-disposition"].partition("; filename*=UTF-8''")
    assert plain.count('"') == 2
    assert (urllib.parse.unquote(encoded) if separator else plain.split('"')[1]) == name


@given(st.text(max_size=60), st.booleans())
def test_any_name_is_one_header_line(name: str, inline: bool) -> None:
    header = content_disposition(name, inline)
    assert header.isascii()
    assert header.isprintable()


def _request(api: ApiServer, probe_id: str) -> bytes:
    path = f"/v1/probe/{probe_id}/content?size={len(CONTENT)}"
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Appwrite-Project: {api.project}\r\n\r\n".encode()


def _eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def test_no_more_is_read_than_the_client_takes(api: ApiServer) -> None:
    with socket.create_connection(api.address, timeout=20) as connection:
        connection.sendall(_request(api, "slow"))
        received = connection.recv(100)
        assert _eventually(lambda: "slow" in READING)
        while len(received.partition(b"\r\n\r\n")[2]) < len(CONTENT):
            received += connection.recv(1 << 20)
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert received.endswith(CONTENT)
    assert _eventually(lambda: "slow" not in READING)


def test_reading_stops_when_the_client_goes_away(api: ApiServer) -> None:
    with socket.create_connection(api.address, timeout=20) as connection:
        connection.sendall(_request(api, "gone"))
        connection.recv(100)
        assert "gone" in READING
    assert _eventually(lambda: "gone" not in READING)


def test_a_content_that_breaks_off(client: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(URL, params={"size": len(CONTENT), "fail": "true"})
    assert client.get(URL).status_code == 200


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A server whose log is kept."""
    directory = tmp_path_factory.mktemp("heard")
    running = TidewireServer(
        directory / "data", ["--demo", "--drain-seconds", "0.2"], errors=directory / "log"
    ).start()
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize(
    ("lost", "left", "status"),
    [(0, None, 404), (0, 0, 404), (0, 4_000_000, 200), (1, None, 200), (1, 0, 200), (1, 300_000, 200)],
)
def test_missing_content_is_told(heard: TidewireServer, lost: int, left: int | None, status: int) -> None:
    """Of a file in two parts, the first or the second is gone, or is shorter than it was."""
    content = b"x" * 6_000_000
    headers = {"X-Appwrite-Project": heard.project, "X-Appwrite-Key": heard.create_key()}
    file_id = f"lost{lost}x{left}"
    with httpx.Client(base_url=heard.endpoint, headers=headers, timeout=20) as client:
        chunk = 5 * 1024 * 1024
        for start in range(0, len(content), chunk):
            piece = content[start : start + chunk]
            place = f"bytes {start}-{start + len(piece) - 1}/{len(content)}"
            made = client.post(
                "/storage/buckets/demo/files",
                data={"fileId": file_id},
                files={"file": ("a.bin", piece)},
                headers={"Content-Range": place, "X-Appwrite-ID": file_id},
            )
            assert made.is_success, made.text
        with closing(sqlite3.connect(heard.data_dir / "projects/default/database.sqlite3")) as database:
            query = "SELECT key FROM file_parts JOIN files ON file_sequence = files.sequence WHERE id = ?"
            keys = [key for (key,) in database.execute(f"{query} ORDER BY position", (file_id,))]
        lost_object = heard.data_dir / "objects" / keys[lost]
        if left is None:
            lost_object.unlink()
        else:
            os.truncate(lost_object, left)
        assert heard.errors
        before = heard.errors.read_text()
        address = f"/storage/buckets/demo/files/{file_id}/download"
        if status == 404:
            answer = client.get(address)
            assert (answer.status_code, answer.json()["type"]) == (404, "storage_file_not_found")
        else:
            with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending complete"):
                client.get(address)
        assert client.get("/ping").is_success
    (line,) = heard.errors.read_text().removeprefix(before).splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"]) == ("content_missing", "error")
    assert keys[lost] in told["reason"]
