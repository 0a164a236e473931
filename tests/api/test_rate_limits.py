"""Rate limits over HTTP: counted by key, told in headers, refused with 429, lifted for programs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from tests.support.api import ApiServer, running_api
from tests.support.responses import checked_client
from tidewire.api.rate_limits import CounterStorage
from tidewire.services import ALL_OPERATIONS
from tidewire.settings import Settings

WRONG = {"email": "nobody@example.com", "password": "wrong password"}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API that applies limits and learns addresses from a proxy."""
    directory: Path = tmp_path_factory.mktemp("limited")
    settings = Settings(data_dir=str(directory), synchronous="normal", trusted_proxies=True)
    with running_api(settings, ALL_OPERATIONS) as server:
        yield server


@pytest.fixture
def client(limited: ApiServer) -> Iterator[httpx.Client]:
    with checked_client(base_url=limited.url, headers={"X-Appwrite-Project": limited.project}) as checked:
        yield checked


def test_a_network_has_one_limit(client: httpx.Client) -> None:
    """Who has one IPv6 address has 2^64 of them."""
    first, same, other = (
        left_to(client, address) for address in ("2001:db8:7:7::1", "2001:db8:7:7::2", "2001:db8:7:8::1")
    )
    assert same == first - 1
    assert other == first


def left_to(client: httpx.Client, address: str) -> int:
    """Anonymous sessions that an address may make after one more."""
    client.cookies.clear()
    answer = client.post("/v1/account/sessions/anonymous", headers={"X-Forwarded-For": address})
    return int(answer.headers["X-RateLimit-Remaining"])


def sign_in(client: httpx.Client, **changes: Any) -> httpx.Response:
    return client.post("/v1/account/sessions/email", json={**WRONG, **changes})


def test_headers_tell_what_is_left(client: httpx.Client) -> None:
    began = int(time.time())
    first = sign_in(client, email="headers@example.com")
    second = sign_in(client, email="headers@example.com")
    assert first.headers["x-ratelimit-limit"] == "10"
    assert (first.headers["x-ratelimit-remaining"], second.headers["x-ratelimit-remaining"]) == ("9", "8")
    assert began + 3599 <= int(first.headers["x-ratelimit-reset"]) <= time.time() + 3600
    assert first.headers["x-ratelimit-reset"] == second.headers["x-ratelimit-reset"]


def test_beyond_the_limit_requests_are_refused(client: httpx.Client) -> None:
    statuses = [sign_in(client, email="guess@example.com").status_code for _ in range(10)]
    assert set(statuses) == {401}
    # Neither another spelling nor a forged host name nor the older path is another account.
    for refused in (
        sign_in(client, email="Guess@Example.com"),
        client.post(
            "/v1/account/sessions",
            json={**WRONG, "email": "guess@example.com"},
            headers={"Host": "other.example.com"},
        ),
    ):
        assert refused.status_code == 429
        assert refused.json()["type"] == "general_rate_limit_exceeded"
        assert refused.headers["x-ratelimit-remaining"] == "0"
    assert sign_in(client, email="other@example.com").status_code == 401


def test_addresses_are_counted_apart(client: httpx.Client) -> None:
    def create(number: int, ip: str) -> int:
        body = {"userId": "unique()", "email": f"u{number}@{ip}.example.com", "password": "short"}
        return client.post("/v1/account", json=body, headers={"X-Forwarded-For": ip}).status_code

    assert [create(number, "203.0.113.1") for number in range(11)] == [400] * 10 + [429]
    assert create(0, "203.0.113.2") == 400
    # What a client wrote in front of the proxy's word does not count.
    assert create(0, "198.51.100.1, 203.0.113.1") == 429


def test_unlimited_operations_have_no_headers(client: httpx.Client) -> None:
    assert "x-ratelimit-limit" not in client.get("/v1/account").headers


def test_programs_with_a_key_are_not_limited(limited: ApiServer, client: httpx.Client) -> None:
    headers = {"X-Appwrite-Key": limited.create_key(["files.write"])}
    for _ in range(61):
        answer = client.delete("/v1/storage/buckets/none/files/none", headers=headers)
        assert answer.status_code == 404
        assert answer.headers["x-ratelimit-limit"] == "60"
        assert answer.headers["x-ratelimit-remaining"] == "59"
        assert int(answer.headers["x-ratelimit-reset"]) >= int(time.time()) + 58


def test_limits_that_are_switched_off_are_told_all_the_same(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), synchronous="normal", rate_limits=False)
    with (
        running_api(settings, ALL_OPERATIONS) as server,
        checked_client(base_url=server.url, headers={"X-Appwrite-Project": server.project}) as client,
    ):
        answers = [sign_in(client) for _ in range(11)]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["x-ratelimit-remaining"] for answer in answers} == {"9"}
    assert int(answers[0].headers["x-ratelimit-reset"]) >= int(time.time()) + 3590


def test_chunks_are_counted_apart(limited: ApiServer, client: httpx.Client) -> None:
    def send(start: int) -> httpx.Response:
        end = min(start + 5242880, 6_000_000) - 1
        return client.post(
            "/v1/storage/buckets/none/files",
            data={"fileId": "f1"},
            files={"file": ("a", b"a")},
            headers={"Content-Range": f"bytes {start}-{end}/6000000", "X-Appwrite-ID": "f1"},
        )

    first, second = send(0), send(5242880)
    assert first.headers["x-ratelimit-remaining"] == second.headers["x-ratelimit-remaining"] == "59"


async def test_counters_expire_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: moment)
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    storage = CounterStorage(capacity=10)
    assert [await storage.incr("a", 5) for _ in range(3)] == [1, 2, 3]
    assert await storage.get_expiry("a") == 1_000_005.0
    moment += 5
    assert await storage.get("a") == 0
    assert await storage.incr("a", 60) == 1
    for number in range(100):
        await storage.incr(f"short{number}", 1)
    assert await storage.get("a") == 1
    assert await storage.reset() is not None
    assert await storage.get("a") == 0


async def test_windows_end_though_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    moment, shown = 1_000.0, 1_000_000.0
    monkeypatch.setattr(time, "monotonic", lambda: moment)
    monkeypatch.setattr(time, "time", lambda: shown)
    storage = CounterStorage()
    await storage.incr("a", 60)
    shown -= 3_600
    assert await storage.get_expiry("a") == shown + 60
    moment, shown = moment + 60, shown + 60
    assert await storage.get("a") == 0


def test_limits_that_are_reached_are_told_in_the_log(tmp_path: Path) -> None:
    """Once in a while for each kind, with the number of those between."""
    settings = Settings(data_dir=str(tmp_path), synchronous="normal", max_body_bytes=300_000)
    with capture_logs() as lines, running_api(settings, ALL_OPERATIONS) as server:
        headers = {"X-Appwrite-Project": server.project}
        with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
            refused = [sign_in(client).status_code for _ in range(13)].count(429)
            assert sign_in(client, password="x" * 400_000).status_code == 413
    assert refused > 1
    told = [line["limit"] for line in lines if line["event"] == "limit_reached"]
    assert told == ["general_rate_limit_exceeded", "bytes of a body"]
