"""Mail servers: reached at an address that may be called, given mails, and tried out."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Final, Literal

from tidewire.core.project_settings import SmtpSettings
from tidewire.outbound.guard import ForbiddenAddressError, Guard

SECONDS: Final = 30.0
"""Seconds that a mail server may take for each step of taking a mail."""
TRIAL_SECONDS: Final = 5.0
"""Seconds that a mail server may take for each step of being tried out."""
LONGEST_TRIAL_SECONDS: Final = 15.0
"""Seconds that a mail server may take for all steps of being tried out."""
_LONGEST_REASON: Final = 200

Security = Literal["starttls", "tls", "auto", "none"]
"""``auto``: begun by STARTTLS where the server offers it."""
_PROJECT_SECURITY: Final[dict[str, Security]] = {"tls": "starttls", "ssl": "tls"}


class MailServerError(Exception):
    """A mail server that does not take mails with these settings; the text says why, in one line."""


@dataclass(frozen=True)
class MailServer:
    """A mail server that mails are given to."""

    host: str
    port: int
    username: str
    password: str
    security: Security
    guard: Guard | None
    """Decides which addresses of it may be called; None for the operator's own server: all."""
    connection: socket.socket | None = None
    """The connection to it, where there is one already."""


def server_of_project(smtp: SmtpSettings, guard: Guard) -> MailServer:
    """The server that a project's settings name; their password is in clear."""
    security = _PROJECT_SECURITY.get(smtp.secure, "none")
    return MailServer(smtp.host, smtp.port, smtp.username, smtp.password, security, guard)


async def give_mail(
    server: MailServer,
    mail: EmailMessage,
    own_name: str,
    tls: ssl.SSLContext,
    recipients: Sequence[str] | None = None,
) -> Mapping[str, tuple[int, str]]:
    """Give a mail to a server, for ``recipients``, or those that it names itself.

    Returns those that the server refused, with its code and words. Raises what aiosmtplib does,
    ForbiddenAddressError, OSError or ValueError.
    """
    import aiosmtplib  # here, because not every installation sends mails

    async with _reached(server, SECONDS) as place:
        refused, _ = await aiosmtplib.send(
            mail, recipients=recipients, **_options(server, own_name, tls, SECONDS), **place
        )
    return {address: (said.code, said.message) for address, said in refused.items()}


async def try_server(server: MailServer, own_name: str, tls: ssl.SSLContext | None = None) -> None:
    """Connect, protect the connection and sign in, as for a mail, and give none.

    ``own_name`` is what the server is told of ours. Raises :class:`MailServerError`.
    """
    import aiosmtplib

    options = _options(server, own_name, tls or ssl.create_default_context(), TRIAL_SECONDS)
    try:
        async with (
            asyncio.timeout(LONGEST_TRIAL_SECONDS),
            _reached(server, TRIAL_SECONDS) as place,
            aiosmtplib.SMTP(**options, **place),
        ):
            return
    except aiosmtplib.SMTPAuthenticationError as error:
        raise MailServerError(f"authentication failed: {_said(error)}") from None
    except aiosmtplib.SMTPResponseException as error:
        raise MailServerError(f"the server refuses with {_said(error)}") from None
    except TimeoutError:
        raise MailServerError("the server does not answer in time") from None
    except (aiosmtplib.SMTPException, ForbiddenAddressError, OSError, ValueError) as error:
        raise MailServerError(_one_line(str(error) or type(error).__name__)) from None


def _options(server: MailServer, own_name: str, tls: ssl.SSLContext, seconds: float) -> dict[str, Any]:
    return {
        "hostname": server.host,
        "username": server.username or None,
        "password": server.password if server.username else None,
        "use_tls": server.security == "tls",
        "start_tls": None if server.security == "auto" else server.security == "starttls",
        "tls_context": tls if server.security != "none" else None,
        "local_hostname": own_name,
        "timeout": seconds,
    }


def _said(error: Any) -> str:
    return _one_line(f"{error.code} {error.message}")


def _one_line(text: str) -> str:
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.split())[:_LONGEST_REASON]


@asynccontextmanager
async def _reached(server: MailServer, seconds: float) -> AsyncIterator[dict[str, Any]]:
    """How the library is to reach a server: by its port, or by a connection to an address that was checked.

    Raises OSError (TimeoutError too) or ForbiddenAddressError.
    """
    if server.connection is not None:
        yield {"sock": server.connection}
    elif server.guard is None:
        yield {"port": server.port}
    else:
        with await connected_to(server, server.guard, seconds) as connected:
            yield {"sock": connected}


async def connected_to(server: MailServer, guard: Guard, seconds: float = SECONDS) -> socket.socket:
    """A connection to a server, at an address that may be called. Raises OSError or ForbiddenAddressError."""
    async with asyncio.timeout(seconds):
        return await _connected(await guard.addresses(server.host, server.port), server.port)


async def _connected(addresses: list[str], port: int) -> socket.socket:
    """A connection to the first address that takes one."""
    failure: OSError | None = None
    for address in addresses:
        raw = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        raw.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(raw, (address, port))
        except OSError as error:
            raw.close()
            failure = failure or error
        except BaseException:
            raw.close()
            raise
        else:
            return raw
    assert failure is not None, "a host has at least one address"
    raise failure
