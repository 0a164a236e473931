"""The way to the API for functions that have no network: a socket that leads there and nowhere else."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tidewire.functions.confinement import Place

_PIECE: Final = 64 * 1024
_SOCKET: Final = "/tidewire/api.sock"
_FIRST_PORT: Final = 1024
"""Smaller ones no program may listen at without rights."""


class ApiRelay:
    """Passes connections on to the API. A shim listens inside at the API's port and leads them here."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        """``endpoint``: the address of the API as functions are told it."""
        parts = urlsplit(endpoint)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._folder = folder
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Takes connections from now on. Raises OSError."""
        path = self._folder / "api.sock"
        self._server = await asyncio.start_unix_server(self._pass_on, path)
        path.chmod(0o666)
        hosts = self._folder / "hosts"
        hosts.write_text(f"127.0.0.1 localhost {self._host}\n")
        hosts.chmod(0o644)  # whatever the umask: the code's own user reads it

    @property
    def places(self) -> tuple[Place, ...]:
        """What a function without network sees of it."""
        return Place(self._folder / "api.sock", _SOCKET), Place(self._folder / "hosts", "/etc/hosts")

    @property
    def arguments(self) -> list[str]:
        """What its shim is told; nothing if it could not listen at such a port."""
        return [str(self._port), _SOCKET] if self._port >= _FIRST_PORT else []

    def close(self) -> None:
        """Takes no more connections; those that there are end with their functions."""
        if self._server is not None:
            self._server.close()

    async def _pass_on(self, inside: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            outside, far = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(_copy(inside, far), _copy(outside, writer))
        finally:
            far.close()
            writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(_PIECE):
            target.write(data)
            await target.drain()
        target.write_eof()
