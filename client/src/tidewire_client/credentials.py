"""Who connects, and where to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

from tidewire_client.errors import RealtimeError

Jwt = str | Callable[[], Awaitable[str]]
"""A token, or a function that makes a new one: tokens expire, and each connect needs one that is valid."""


@dataclass(frozen=True)
class Credentials:
    """At most one way to say who one is; none makes a guest."""

    session: str = field(default="", repr=False)
    """A session's secret, as ``account.createEmailPasswordSession`` gives it to servers."""
    jwt: Jwt = field(default="", repr=False)
    key: str = field(default="", repr=False)
    """Secret of an API key with the scope ``realtime.read``: receives every event."""
    dev_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if sum(bool(given) for given in (self.session, self.jwt, self.key)) > 1:
            raise ValueError("give one of session, jwt and key")

    async def headers(self) -> dict[str, str]:
        """Headers of the handshake. Raises :class:`RealtimeError`."""
        try:
            jwt = self.jwt if isinstance(self.jwt, str) else await self.jwt()
        except Exception as error:
            # Most likely it asks the same server, which does not answer just now.
            raise RealtimeError(f"No token could be made: {error!r}", 0) from error
        given = {
            "X-Appwrite-Session": self.session,
            "X-Appwrite-JWT": jwt,
            "X-Appwrite-Key": self.key,
            "X-Appwrite-Dev-Key": self.dev_key,
        }
        return {name: value for name, value in given.items() if value}

    @property
    def of_user(self) -> bool:
        """They are those of a user."""
        return bool(self.session or self.jwt)


def realtime_address(endpoint: str, project: str) -> str:
    """Address of the socket, from the REST endpoint that SDKs are given (``https://host/v1``).

    Raises :class:`ValueError`.
    """
    parts = urlsplit(endpoint)
    schemes = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
    if parts.scheme not in schemes or not parts.netloc:
        raise ValueError(f"{endpoint!r} is not an endpoint; one looks like https://example.com/v1")
    path = parts.path.rstrip("/") + "/realtime"
    return urlunsplit((schemes[parts.scheme], parts.netloc, path, f"project={quote(project, safe='')}", ""))
