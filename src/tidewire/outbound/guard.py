"""From a host name to the addresses that may be called."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from tidewire.core.addresses import is_public, is_public_host
from tidewire.settings import Settings

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""A resolver: it finds the IP addresses of a host name or address, and a port. Raises OSError."""


class ForbiddenAddressError(Exception):
    """A host that is only at addresses that may not be called."""


class Guard:
    """Resolves host names and lets only allowed addresses through."""

    def __init__(
        self,
        *,
        allow_private: bool,
        hosts: Iterable[str] = (),
        resolve: Resolve | None = None,
        allowed: Callable[[str], bool] = is_public,
    ) -> None:
        """``allow_private`` lets every address through; otherwise those do that are ``allowed``.

        ``hosts``: names and addresses that may be called wherever they are.
        """
        self._allow_private = allow_private
        self._hosts = frozenset(map(_plain, hosts))
        self._resolve = resolve or resolve_host
        self._allowed = allowed

    def check(self, host: str) -> None:
        """Raise :class:`ForbiddenAddressError` for a host whose name alone shows that it is internal."""
        if not (self.exempts(host) or is_public_host(host)):
            raise _forbidden(host)

    def exempts(self, host: str) -> bool:
        """Whether the operator lets a host be called wherever it is."""
        return self._allow_private or _plain(host) in self._hosts

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host that may be called, at least one.

        Raises :class:`ForbiddenAddressError` if there is none among them, OSError if there are none at all.
        """
        found = await self._resolve(host, port)
        if self.exempts(host):
            return found
        allowed = [address for address in found if self._allowed(address) or address in self._hosts]
        if not allowed:
            raise _forbidden(host)
        return allowed


def _plain(host: str) -> str:
    """A host's name as it is compared."""
    return host.lower().rstrip(".").removeprefix("[").removesuffix("]")


def _forbidden(host: str) -> ForbiddenAddressError:
    return ForbiddenAddressError(
        f"{host} is at an internal address, which may not be called unless outbound_allowed_hosts names it"
    )


def guard_of(settings: Settings) -> Guard:
    """What webhooks may be delivered to, and what the mail server of a project may be."""
    return Guard(allow_private=settings.webhook_private_addresses, hosts=settings.outbound_allowed_hosts)


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
