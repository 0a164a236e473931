"""Outbound requests: to checked addresses only, with what was asked for and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.certificates import make_certificate, server_context
from tests.support.receiver import Received, answer, receiving
from tidewire.outbound.guard import ForbiddenAddressError, Guard, resolve_host
from tidewire.outbound.http import OutboundHttp, RequestFailedError, one_line


class Names:
    """A name server whose answers change from one question to the next."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def only(address: str) -> Guard:
    """A guard for which one loopback address stands for the Internet."""
    return Guard(allow_private=False, allowed=lambda found: found == address)


async def post(http: OutboundHttp, url: str, *, verify: bool = True, seconds: float = 5) -> int:
    return await http.post(url, [("X-Test", "value")], b'{"a":1}', verify=verify, seconds=seconds)


async def test_a_request() -> None:
    http = OutboundHttp(Guard(allow_private=True))
    async with receiving() as receiver:
        assert await post(http, receiver.url("/path with%20blank/é?q=[1]#part")) == 200
        assert await post(http, receiver.url("", host="localhost")) == 200
        first, second = receiver.requests
    await http.close()
    assert (first.method, first.target) == ("POST", "/path%20with%20blank/%C3%A9?q=[1]")
    assert first.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (first.headers["x-test"], first.headers["content-length"]) == ("value", "7")
    assert first.body == b'{"a":1}'
    assert (second.target, second.headers["host"]) == ("/", f"localhost:{receiver.port}")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ],
)
async def test_internal_addresses_are_not_called(host: str) -> None:
    http = OutboundHttp(Guard(allow_private=False))
    async with receiving() as receiver:
        with pytest.raises(RequestFailedError, match=r"internal|cannot find"):
            await post(http, receiver.url(host=host))
        assert receiver.connections == 0
    await http.close()


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "169.254.169.254",
        "192.168.0.1",
        "0.0.0.0",
        "fd00:ec2::254",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
    ],
)
async def test_names_of_internal_addresses_are_not_called(address: str) -> None:
    with pytest.raises(ForbiddenAddressError, match=r"metadata\.example"):
        await Guard(allow_private=False, resolve=Names([address])).addresses("metadata.example", 80)


async def test_only_allowed_addresses_of_a_name_are_called() -> None:
    guard = Guard(allow_private=False, resolve=Names(["10.0.0.1", "1.1.1.1", "::1"]))
    assert await guard.addresses("mixed.example", 80) == ["1.1.1.1"]


async def test_a_name_server_that_changes_its_mind() -> None:
    """The address that was checked is the one that is called: the name is looked up once a connection."""
    names = Names(["127.0.0.2"], ["127.0.0.1"])
    http = OutboundHttp(Guard(allow_private=False, resolve=names, allowed=lambda found: found == "127.0.0.2"))

    async def bye(_: Received) -> bytes:
        return answer(headers="Connection: close\r\n")

    async with (
        receiving(bye, host="127.0.0.2") as public,
        receiving(host="127.0.0.1", port=public.port) as inside,
    ):
        assert await post(http, public.url(host="rebinding.example")) == 200
        assert names.asked == ["rebinding.example"]
        assert public.requests[0].headers["host"] == f"rebinding.example:{public.port}"
        with pytest.raises(RequestFailedError, match="internal"):
            await post(http, public.url(host="rebinding.example"))
        assert (len(public.requests), inside.connections) == (1, 0)
    await http.close()


async def test_redirects_are_not_followed() -> None:
    http = OutboundHttp(only("127.0.0.2"))

    async def elsewhere(_: Received) -> bytes:
        return answer(307, f"Location: {inside.url('/secret')}\r\n")

    async with receiving() as inside, receiving(elsewhere, host="127.0.0.2") as outside:
        assert await post(http, outside.url(host="127.0.0.2")) == 307
        assert inside.connections == 0
    await http.close()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "http://a..b/",
        "http://[::1",
        "http://h:99999/",
        "nonsense",
    ],
)
async def test_addresses_that_are_none(url: str) -> None:
    http = OutboundHttp(Guard(allow_private=True))
    with pytest.raises(RequestFailedError):
        await post(http, url)
    await http.close()


async def test_slow_and_broken_servers() -> None:
    async def silence(_: Received) -> bytes:
        await asyncio.sleep(60)
        return b""

    async def drip(_: Received) -> None:
        return None

    async def nonsense(_: Received) -> bytes:
        return b"nonsense\r\n\r\n"

    async def endless(_: Received) -> bytes:
        return b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000

    http = OutboundHttp(Guard(allow_private=True))
    async with receiving(silence) as receiver:
        with pytest.raises(RequestFailedError, match=r"no answer within 0\.1 s"):
            await post(http, receiver.url(), seconds=0.1)
    for reply in (drip, nonsense):
        async with receiving(reply) as receiver:
            with pytest.raises(RequestFailedError, match="the request failed"):
                await post(http, receiver.url())
    async with receiving(endless) as receiver:
        assert await post(http, receiver.url()) == 200
    with pytest.raises(RequestFailedError, match="the request failed"):
        await post(http, receiver.url())
    await http.close()


async def test_certificates(tmp_path: Path) -> None:
    context = server_context(make_certificate(tmp_path))
    http = OutboundHttp(Guard(allow_private=True))
    async with receiving(tls=context) as receiver:
        with pytest.raises(RequestFailedError, match=r"(?i)certificate"):
            await post(http, receiver.url(scheme="https"))
        assert await post(http, receiver.url(scheme="https"), verify=False) == 200
    await http.close()


async def test_names_without_address() -> None:
    with pytest.raises(OSError, match="cannot find"):
        await resolve_host("a" * 70 + ".invalid", 80)
    assert await resolve_host("127.0.0.1", 80) == ["127.0.0.1"]


def test_header_values_stay_on_their_line() -> None:
    assert one_line("a\r\nX-Evil: 1\0\x7f é ") == "a  X-Evil: 1   é".encode()
