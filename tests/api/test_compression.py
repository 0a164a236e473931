"""Answers are compressed where a client asks for it, and never where a secret stands in them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.api import ApiServer, running_api
from tidewire.api import compression
from tidewire.api.compression import accepts_gzip, compressed, compressed_pieces, holds_secrets
from tidewire.services import ALL_OPERATIONS
from tidewire.settings import Settings

COUNTRIES = "/v1/locale/countries"
"""Some 20 KB."""


def raw(api: ApiServer, path: str, accept: str, method: str = "GET", **more: Any) -> httpx.Response:
    """An answer whose body is as it came."""
    headers = {"x-appwrite-project": api.project, "accept-encoding": accept, **more.pop("headers", {})}
    with (
        httpx.Client(base_url=api.url, timeout=20) as client,
        client.stream(method, path, headers=headers, **more) as response,
    ):
        response.body = b"".join(response.iter_raw())  # type: ignore[attr-defined]
        return response


def body(response: httpx.Response) -> bytes:
    kept: bytes = response.body  # type: ignore[attr-defined]
    return kept


def test_a_large_answer_is_compressed_for_who_asks(api: ApiServer) -> None:
    plain = raw(api, COUNTRIES, "identity")
    assert "content-encoding" not in plain.headers
    for accept in ("gzip", "gzip, deflate, br", "deflate;q=0.5, GZIP;q=0.8", "*"):
        answer = raw(api, COUNTRIES, accept)
        assert answer.headers["content-encoding"] == "gzip"
        assert int(answer.headers["content-length"]) == len(body(answer))
        assert len(body(answer)) < len(body(plain)) / 3
        assert gzip.decompress(body(answer)) == body(plain)
    for answer in (plain, raw(api, COUNTRIES, "gzip")):
        assert {"Origin", "Accept-Encoding"} <= set(answer.headers.get_list("vary", split_commas=True))


@pytest.mark.parametrize("accept", ["", "identity", "br", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzipped"])
def test_who_does_not_take_it_gets_it_plain(api: ApiServer, accept: str) -> None:
    assert not accepts_gzip(accept)
    answer = raw(api, COUNTRIES, accept or "identity")
    assert "content-encoding" not in answer.headers
    assert body(answer).startswith(b"{")


def test_small_answers_and_the_length_of_heads(api: ApiServer) -> None:
    assert "content-encoding" not in raw(api, "/v1/locale", "gzip").headers
    head = raw(api, COUNTRIES, "gzip", "HEAD")
    assert (head.headers["content-encoding"], body(head)) == ("gzip", b"")


def test_answers_with_secrets_are_not_compressed(api: ApiServer) -> None:
    key = api.create_key(["users.read", "users.write"])
    headers = {"x-appwrite-key": key}
    for number in range(8):
        person = {"userId": f"compressed{number}", "password": "correct horse battery"}
        raw(api, "/v1/users", "gzip", "POST", headers=headers, json=person)
    listed = raw(api, "/v1/users", "gzip", headers=headers)
    assert len(body(listed)) > 1024  # with hashes of passwords
    assert "content-encoding" not in listed.headers
    sessions = [raw(api, "/v1/users/compressed0/sessions", "gzip", "POST", headers=headers) for _ in range(4)]
    assert {answer.status_code for answer in sessions} == {201}
    many = raw(api, "/v1/users/compressed0/sessions", "gzip", headers=headers)
    assert len(body(many)) > 1024
    assert "content-encoding" not in many.headers


def test_which_operations_hold_secrets() -> None:
    secret = {
        operation.name
        for service in ALL_OPERATIONS
        for operation in service.declared
        if any(holds_secrets(model) for model in operation.models)
    }
    assert {
        "account.createSession",
        "account.listSessions",
        "account.createJWT",
        "account.createRecovery",
        "account.createMFAAuthenticator",
        "account.createMFARecoveryCodes",
        "account.listIdentities",
        "users.list",
        "users.createToken",
        "users.getMFAChallenge",
        "project.createKey",
        "project.listKeys",
        "project.listMockPhones",
        "projects.listDevKeys",
        "webhooks.list",
    } <= secret
    assert not secret & {
        "account.get",
        "tablesDB.listRows",
        "databases.listDocuments",
        "storage.listFiles",
        "teams.listMemberships",
        "locale.listCountries",
        "projects.list",
    }


@pytest.mark.parametrize("size", [1, 1024, compression.LARGE + 1])
async def test_both_codecs_make_what_gzip_reads(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (b"A row like many others. " * (size // 24 + 1))[:size]
    pieces = [text[:100], text[100:]]
    for _ in range(2):
        assert gzip.decompress(await compressed(text)) == text
        assert gzip.decompress(b"".join(compressed_pieces(pieces))) == text
        monkeypatch.setattr(compression, "_zlib", zlib)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ApiServer]]:
    """Servers with other settings: never, and from 100 bytes on."""
    common: dict[str, Any] = {"synchronous": "normal", "rate_limits": False}
    never = Settings(data_dir=str(tmp_path_factory.mktemp("never")), http_compression=False, **common)
    early = Settings(data_dir=str(tmp_path_factory.mktemp("early")), http_compression_min_bytes=100, **common)
    with running_api(never, ALL_OPERATIONS) as first, running_api(early, ALL_OPERATIONS) as second:
        yield [first, second]


def test_the_settings(other: list[ApiServer]) -> None:
    never, early = other
    answer = raw(never, COUNTRIES, "gzip")
    assert "content-encoding" not in answer.headers
    assert "Accept-Encoding" not in answer.headers.get_list("vary", split_commas=True)
    small = raw(early, "/v1/locale", "gzip")
    assert small.headers["content-encoding"] == "gzip"


def test_files_and_streams_stay_as_they_are(api: ApiServer, key: str, tmp_path: Path) -> None:
    headers = {"x-appwrite-key": key}
    bucket = {"bucketId": "compression", "name": "b", "permissions": ['read("any")']}
    assert raw(api, "/v1/storage/buckets", "gzip", "POST", headers=headers, json=bucket).status_code == 201
    content = b"text " * 1000
    made = raw(
        api,
        "/v1/storage/buckets/compression/files",
        "gzip",
        "POST",
        headers=headers,
        data={"fileId": "text"},
        files={"file": ("a.txt", content, "text/plain")},
    )
    assert made.status_code == 201
    file = raw(api, "/v1/storage/buckets/compression/files/text/download", "gzip")
    assert "content-encoding" not in file.headers
    assert body(file) == content
