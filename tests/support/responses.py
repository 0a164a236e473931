"""HTTP clients that hold every answer of the API against the catalog.

Use them wherever a test speaks HTTP: each answer is checked without a further word.
"""

from __future__ import annotations

import re
from typing import Any

import httpx

from tests.reference.catalog import operation_of, operations
from tests.reference.validation import error_problems, model_problems

_JSON = "application/json; charset=UTF-8"
_PLAIN_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?")
"""Requests with other hosts may be refused whatever their method is."""


def checked_client(**arguments: Any) -> httpx.Client:
    """``httpx.Client(**arguments)`` that raises AssertionError for an answer that breaks the API."""
    client = httpx.Client(**arguments)
    client.event_hooks["response"].append(_check)
    return client


def checked_async_client(**arguments: Any) -> httpx.AsyncClient:
    """``httpx.AsyncClient(**arguments)`` that raises AssertionError for an answer that breaks the API."""
    client = httpx.AsyncClient(**arguments)
    client.event_hooks["response"].append(_check_async)
    return client


def check_response(response: httpx.Response, body: bytes) -> None:
    """Check one answer to a request whose path begins with ``/v1/``."""
    method, path = response.request.method, response.request.url.path
    status, headers = response.status_code, response.headers
    assert headers["server"] == "Appwrite"
    assert headers["x-content-type-options"] == "nosniff"
    where = f"{method} {path} answered {status}"
    if method == "OPTIONS" and _PLAIN_HOST.fullmatch(response.request.headers["host"]):
        assert (status, body) == (204, b""), where
    elif status >= 400:
        _check_error(where, status, headers, body if method != "HEAD" else b"")
    else:
        entry = operation_of("GET" if method == "HEAD" else method, path.removeprefix("/v1"))
        if entry:
            _check_success(where, entry, status, headers, b"" if method == "HEAD" else body)


def _check_error(where: str, status: int, headers: httpx.Headers, body: bytes) -> None:
    assert headers["content-type"] == _JSON, where
    if body:
        problems = error_problems(status, httpx.Response(status, content=body).json())
        assert not problems, f"{where}: {problems}"


def _check_success(
    where: str, entry: dict[str, Any], status: int, headers: httpx.Headers, body: bytes
) -> None:
    expected = entry["response"]
    allowed = {expected["status"], expected.get("staged", expected["status"])}
    if entry.get("chunked_upload"):
        allowed.add(200)  # a chunk of a file that is complete already
    if expected["kind"] == "binary":
        allowed |= {206, 304}
    assert status in allowed, f"{where}, not {allowed}"
    if expected["kind"] == "empty":
        assert body == b"", where
    elif expected["kind"] == "text":
        assert headers["content-type"] == "text/plain; charset=UTF-8", where
    elif expected["kind"] == "json":
        assert headers["content-type"] == _JSON, where
        if body:
            value = httpx.Response(status, content=body).json()
            shared = [operations()[name] for name in entry.get("shares_route_with", ())]
            found = [model_problems(each["response"]["model"], value) for each in (entry, *shared)]
            assert [] in found, f"{where}: {found}"


def _check(response: httpx.Response) -> None:
    if response.request.url.path.startswith("/v1/"):
        body = response.read()
        check_response(response, body)


async def _check_async(response: httpx.Response) -> None:
    if response.request.url.path.startswith("/v1/"):
        body = await response.aread()
        check_response(response, body)
