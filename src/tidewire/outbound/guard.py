"""From a host name to the addresses that may be called."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tidewire.core.addresses import is_public

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""From a host name or address and a port to IP addresses. Raises OSError."""


class ForbiddenAddressError(Exception):
    """A host that is only at addresses that may not be called."""


class Guard:
    """Resolves host names and lets only allowed addresses through."""

    def __init__(
        self,
        *,
        allow_private: bool,
        resolve: Resolve | None = None,
        allowed: Callable[[str], bool] = is_public,
    ) -> None:
        """``allow_private`` lets every address through; otherwise those do that are ``allowed``."""
        self._allow_private = allow_private
        self._resolve = resolve or resolve_host
        self._allowed = allowed

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host that may be called, at least one.

        Raises :class:`ForbiddenAddressError` if there is none among them, OSError if there are none at all.
        """
        found = await self._resolve(host, port)
        allowed = found if self._allow_private else [address for address in found if self._allowed(address)]
        if not allowed:
            raise ForbiddenAddressError(f"{host} is at an internal address, which may not be called")
        return allowed


async def resolve_host(host: str, port: int) -> list[str]:
    """Ask the system's resolver.

    In a thread of its own: a name server that does not answer must not keep others waiting, as it would
    in a pool of few threads, nor the end of the program.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def finish(found: list[str] | OSError | UnicodeError) -> None:
        if answer.done():
            return
        if isinstance(found, list):
            answer.set_result(found)
        else:
            answer.set_exception(OSError(f"cannot find the address of {host}: {found}"))

    def ask() -> None:
        found: list[str] | OSError | UnicodeError
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError) as error:
            found = error
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(finish, found)

    threading.Thread(target=ask, name=f"resolve {host[:64]}", daemon=True).start()
    return await answer
