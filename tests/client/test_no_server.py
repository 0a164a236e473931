"""What a program is told that finds no server."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from tidewire_client import Realtime
from tidewire_client.errors import RefusedError


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def test_it_is_said_once_that_nobody_answers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tidewire_client")
    endpoint = f"http://127.0.0.1:{_free_port()}/v1"
    with pytest.raises(ConnectionRefusedError):
        async with Realtime(endpoint, "default", first_seconds=2):
            raise AssertionError("there is no server")
    told = [record for record in caplog.records if "no realtime connection" in record.message]
    assert len(told) > 1
    assert [record.levelname for record in told][:2] == ["WARNING", "INFO"]
    assert endpoint.removeprefix("http") in told[0].message


async def test_where_there_is_no_realtime_endpoint_nothing_is_tried_again() -> None:
    connects = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connects
        connects += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(RefusedError, match="no realtime endpoint"):
            async with Realtime(f"http://127.0.0.1:{port}/v1", "default", first_seconds=30):
                raise AssertionError("there is no endpoint")
    assert connects == 1
