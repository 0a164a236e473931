"""The health service over HTTP, and the checks that leave the machine against servers of the test."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import httpx
import pytest
from sqlalchemy import insert

import tidewire
from tests.support.api import ApiServer
from tests.support.certificates import make_certificate, server_context
from tests.support.receiver import receiving
from tests.support.responses import checked_client
from tidewire.outbound.certificates import NoCertificateError, shown_certificate
from tidewire.outbound.clock import NoTimeError, remote_time
from tidewire.outbound.guard import Guard
from tidewire.store.schema import outgoing_messages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANYWHERE = Guard(allow_private=True)


@pytest.fixture
def monitor(api: ApiServer) -> Iterator[httpx.Client]:
    """A program that watches the installation."""
    headers = {"X-Appwrite-Project": api.project, "X-Appwrite-Key": api.create_key(["health.read"])}
    with checked_client(base_url=api.url, headers=headers, timeout=20) as checked:
        yield checked


def test_who_may_look(client: httpx.Client) -> None:
    assert client.get("/v1/health").status_code == 401
    answer = client.get("/v1/health/version")
    assert answer.json() == {"version": tidewire.__version__}


@pytest.mark.parametrize(
    ("path", "name"), [("", "http"), ("/storage", "storage"), ("/storage/local", "local")]
)
def test_single_checks(monitor: httpx.Client, path: str, name: str) -> None:
    answer = monitor.get(f"/v1/health{path}").json()
    assert (answer["name"], answer["status"]) == (name, "pass")
    assert 0 <= answer["ping"] < 10_000


@pytest.mark.parametrize(
    ("path", "names"), [("/db", ["platform", "project"]), ("/cache", ["projects"]), ("/pubsub", ["events"])]
)
def test_checks_of_several(monitor: httpx.Client, path: str, names: list[str]) -> None:
    answer = monitor.get(f"/v1/health{path}").json()
    assert answer["total"] == len(names)
    assert [status["name"] for status in answer["statuses"]] == names
    assert {status["status"] for status in answer["statuses"]} == {"pass"}


def test_checks_leave_nothing_behind(api: ApiServer, monitor: httpx.Client) -> None:
    def files() -> set[Path]:
        return {path for path in Path(api.settings.data_dir).iterdir() if path.is_file()}

    objects, before = api.stored_objects(), files()
    monitor.get("/v1/health/storage")
    monitor.get("/v1/health/storage/local")
    assert (api.stored_objects(), files()) == (objects, before)


def test_a_part_that_is_broken(
    api: ApiServer, monitor: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_disk(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("tidewire.services.health.parts._check_directory", no_disk)
    answer = monitor.get("/v1/health/storage/local")
    assert (answer.status_code, answer.json()["type"]) == (500, "general_server_error")


def test_what_is_not_there(monitor: httpx.Client) -> None:
    assert monitor.get("/v1/health/anti-virus").json() == {"version": "", "status": "disabled"}
    assert monitor.get("/v1/health/geo").json()["status"] == "fail"


def test_failed_jobs(api: ApiServer, monitor: httpx.Client) -> None:
    async def give_up() -> None:
        store = await api.instance.project(api.project)
        assert store
        row = {"created_at": 1, "channel": "mail", "recipient": "a@example.com", "state": "failed"}
        await store.database.write(
            lambda transaction: transaction.connection.execute(insert(outgoing_messages), row) and None
        )

    def size(name: str) -> int:
        return int(monitor.get(f"/v1/health/queue/failed/{name}").json()["size"])

    before = size("v1-mails")
    api.run(give_up)
    assert size("V1-Mails") == before + 1
    assert size("v1-builds") == 0
    answer = monitor.get("/v1/health/queue/failed/v1-mails", params={"threshold": before + 1})
    assert (answer.status_code, answer.json()["type"]) == (503, "health_queue_size_exceeded")
    assert monitor.get("/v1/health/queue/failed/v1-nothing").status_code == 400


@pytest.mark.parametrize(
    ("domain", "status"),
    [
        ("localhost", 400),
        ("127.0.0.1", 400),
        ("nobody.invalid", 404),
        ("", 400),
        (None, 404),
        ("https://nobody.invalid:8443/path?x=1", 404),
        ("http://Nobody.invalid", 404),
        ("https://localhost/", 400),
        ("https://10.0.0.1", 400),
        ("ftp://nobody.invalid", 400),
        ("https://user@nobody.invalid", 400),
        ("https://[::1]/", 400),
        ("https://", 400),
    ],
)
def test_certificates_of_public_domains_only(monitor: httpx.Client, domain: str | None, status: int) -> None:
    answer = monitor.get("/v1/health/certificate", params={} if domain is None else {"domain": domain})
    assert answer.status_code == status
    if status == 404:
        assert answer.json()["type"] == "health_invalid_host"


async def test_a_certificate(tmp_path: Path) -> None:
    context = server_context(make_certificate(tmp_path, days=2))
    async with receiving(tls=context) as receiver:
        shown = await shown_certificate("localhost", receiver.port, ANYWHERE, 5)
        with pytest.raises(NoCertificateError, match="internal"):
            await shown_certificate("localhost", receiver.port, Guard(allow_private=False), 5)
    assert shown.common_name == "localhost"
    assert shown.name == "/CN=localhost/O=Tidewire Tests"
    assert shown.issuer_organisation == "Tidewire Tests"
    assert shown.valid_from < time.time() < shown.valid_to < time.time() + 3 * 24 * 3600
    assert shown.signature == "ecdsa-with-SHA256"


async def test_servers_without_a_certificate() -> None:
    async with receiving() as receiver:
        with pytest.raises(NoCertificateError):
            await shown_certificate("localhost", receiver.port, ANYWHERE, 5)
    with pytest.raises(NoCertificateError):
        await shown_certificate("localhost", receiver.port, ANYWHERE, 5)


class TimeServer(asyncio.DatagramProtocol):
    """Tells a time, or nothing."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert len(data) == 48
        assert data[0] & 7 == 3  # a client asks
        if self.answer:
            self.transport.sendto(self.answer, addr)


@asynccontextmanager
async def telling(answer: bytes) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: TimeServer(answer), ("127.0.0.1", 0))
    try:
        host, port = transport.get_extra_info("sockname")
        yield f"{host}:{port}"
    finally:
        transport.close()


async def test_time_of_a_server() -> None:
    wanted = 1_700_000_000.5
    async with telling(bytes(40) + struct.pack("!II", int(wanted) + 2_208_988_800, 2**31)) as server:
        assert wanted <= await remote_time(server, 5) < wanted + 5


@pytest.mark.parametrize("answer", [b"", b"short", bytes(48)])
async def test_servers_that_tell_no_time(answer: bytes) -> None:
    async with telling(answer) as server:
        with pytest.raises(NoTimeError):
            await remote_time(server, 0.2)


async def test_no_time_server() -> None:
    for server in ("nobody.invalid", "127.0.0.1:1"):
        with pytest.raises(NoTimeError):
            await remote_time(server, 2)
