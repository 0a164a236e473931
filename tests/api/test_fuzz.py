"""No request, however odd, is answered with a server error or breaks the form of answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api import ApiServer
from tests.support.responses import checked_client
from tidewire.api.registry import Registry
from tidewire.services import ALL_OPERATIONS

OPERATIONS = [
    # The clock's check asks a time server and says 500, as documented, if that cannot be reached.
    operation
    for operation in Registry(ALL_OPERATIONS).operations
    if operation.name != "health.getTime"
]

SEGMENTS = st.one_of(
    st.sampled_from(
        ["account", "storage", "buckets", "files", "sessions", "current", "b1", "..", "%2F", "%00", ""]
    ),
    st.text(
        alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"), max_size=20
    ),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "X-Appwrite-Key",
            "X-Appwrite-JWT",
            "X-Appwrite-Session",
            "X-Fallback-Cookies",
            "Cookie",
            "Origin",
            "Content-Type",
            "Content-Range",
            "Range",
            "X-Appwrite-ID",
            "X-Appwrite-Response-Format",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "Host",
        ]
    ),
    st.text(
        alphabet=st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40
    ).map(lambda text: text.strip().encode("latin-1")),
    max_size=4,
)
RELAXED = settings(
    deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def shared(api: ApiServer) -> Iterator[httpx.Client]:
    """One connection pool for all examples."""
    with checked_client(base_url=api.url, timeout=20) as client:
        yield client


def _send(client: httpx.Client, method: str, path: str, **arguments: Any) -> None:
    request = client.build_request(method, "/", **arguments)
    request.url = request.url.copy_with(raw_path=path.encode())
    client.cookies.clear()
    response = client.send(request)
    assert response.status_code < 500, (request, request.content, response.text)


@RELAXED
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]),
    segments=st.lists(SEGMENTS, max_size=6),
    query=st.text(alphabet="abqueries[]0=&%25.+null", max_size=40),
    headers=HEADERS,
    body=st.binary(max_size=200),
)
def test_random_requests(
    api: ApiServer,
    shared: httpx.Client,
    method: str,
    segments: list[str],
    query: str,
    headers: dict[str, bytes],
    body: bytes,
) -> None:
    path = "/v1/" + "/".join(segments) + f"?{query}"
    _send(shared, method, path, headers={"X-Appwrite-Project": api.project.encode(), **headers}, content=body)


@RELAXED
@given(data=st.data())
def test_random_parameters(api: ApiServer, key: str, shared: httpx.Client, data: st.DataObject) -> None:
    operation = data.draw(st.sampled_from([operation for operation in OPERATIONS if not operation.multipart]))
    names = st.sampled_from([parameter.name for parameter in operation.parameters] or ["x"]) | st.text(
        max_size=5
    )
    body = data.draw(st.dictionaries(names, VALUES, max_size=6))
    path = operation.path
    for parameter in operation.parameters:
        if parameter.location == "path":
            path = path.replace(
                f"{{{parameter.name}}}", data.draw(st.sampled_from(["b1", "f1", "current", "a%2Fb"]))
            )
    headers = {"X-Appwrite-Project": api.project}
    if not path.startswith("/account"):
        headers["X-Appwrite-Key"] = key
    if operation.method == "GET":
        query = httpx.QueryParams({name: json.dumps(value) for name, value in body.items()})
        _send(shared, "GET", f"/v1{path}?{query}", headers=headers)
    else:
        headers["Content-Type"] = "application/json"
        _send(shared, operation.method, f"/v1{path}", headers=headers, content=json.dumps(body))


@RELAXED
@given(headers=HEADERS, fields=st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4))
def test_random_uploads(
    api: ApiServer, key: str, shared: httpx.Client, headers: dict[str, bytes], fields: dict[str, str]
) -> None:
    headers.pop("Content-Type", None)
    headers = {"X-Appwrite-Project": api.project.encode(), "X-Appwrite-Key": key.encode(), **headers}
    _send(
        shared,
        "POST",
        "/v1/storage/buckets/b1/files",
        headers=headers,
        data={"fileId": "unique()", **fields},
        files={"file": ("a.txt", b"content")},
    )
