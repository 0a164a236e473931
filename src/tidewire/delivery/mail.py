"""Mails: written as MIME, given to a mail server or to the outbox."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final, Literal

import structlog

from tidewire.delivery.carriers import DeliveryError, Message
from tidewire.outbound.guard import ForbiddenAddressError, Guard, guard_of
from tidewire.settings import Settings
from tidewire.store.outbox import Outbox

SECONDS: Final = 30.0
"""That a mail server may take for each step."""

Security = Literal["starttls", "tls", "none"]
_PROJECT_SECURITY: Final[dict[str, Security]] = {"tls": "starttls", "ssl": "tls"}

_log: Final = structlog.get_logger("tidewire.delivery")


@dataclass(frozen=True)
class MailServer:
    """Where mails are given to."""

    host: str
    port: int
    username: str
    password: str
    security: Security
    guard: Guard | None
    """Decides which addresses of it may be called; None for the operator's own server: all."""


@dataclass(frozen=True)
class Sender:
    """Whom mails are from."""

    address: str
    name: str
    reply_to: str = ""
    reply_to_name: str = ""


class MailCarrier:
    """Sends mails by the project's mail server, else by that of the settings, else to the outbox."""

    def __init__(self, settings: Settings, outbox: Outbox, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._outbox = outbox
        self._guard = guard_of(settings)
        self._tls = tls or ssl.create_default_context()

    async def send(self, message: Message) -> None:
        """Give a mail away. Raises :class:`DeliveryError`."""
        server = self._server(message)
        mail = self._mime(message)
        if server is None:
            await self._outbox.put(message.created_at, message.project_id, message.sequence, mail)
            if not self._settings.demo:
                _log.warning(
                    "mail kept in the outbox: no mail server is set (smtp_host)",
                    project=message.project_id,
                    sequence=message.sequence,
                )
        else:
            await self._submit(server, mail)

    def _server(self, message: Message) -> MailServer | None:
        smtp, settings = message.smtp, self._settings
        if smtp.enabled:
            security = _PROJECT_SECURITY.get(smtp.secure, "none")
            return MailServer(smtp.host, smtp.port, smtp.username, smtp.password, security, self._guard)
        if settings.smtp_host:
            return MailServer(
                settings.smtp_host,
                settings.smtp_port,
                settings.smtp_username,
                settings.smtp_password,
                settings.smtp_security,
                guard=None,
            )
        return None

    def _sender(self, message: Message) -> Sender:
        smtp, settings = message.smtp, self._settings
        name = smtp.sender_name or settings.smtp_sender_name
        # Another server would not be believed to send mails from the project's address.
        address = smtp.sender_email if smtp.enabled else settings.smtp_sender
        return Sender(address, name, smtp.reply_to_email, smtp.reply_to_name)

    def _mime(self, message: Message) -> EmailMessage:
        sender = self._sender(message)
        mail = EmailMessage(policy=policy.SMTP)
        try:
            mail["From"] = _address(sender.address, sender.name)
            mail["To"] = _address(message.recipient, message.recipient_name)
            if sender.reply_to:
                mail["Reply-To"] = _address(sender.reply_to, sender.reply_to_name)
            mail["Subject"] = _one_line(message.subject)
        except (ValueError, MessageError) as error:
            raise DeliveryError(f"the mail cannot be written: {error}", permanent=True) from None
        mail["Date"] = format_datetime(datetime.fromtimestamp(message.created_at / 1000, UTC))
        # The same at each attempt, so that the receiver can tell a mail that comes twice.
        domain = sender.address.rpartition("@")[2]
        mail["Message-ID"] = f"<{message.created_at}.{message.sequence}.{message.project_id}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        if message.html:
            mail.add_alternative(message.html, subtype="html")
        return mail

    async def _submit(self, server: MailServer, mail: EmailMessage) -> None:
        import aiosmtplib  # here, because not every installation sends mails

        where = f"{server.host}:{server.port}"
        try:
            async with _reached(server) as place:
                await aiosmtplib.send(
                    mail,
                    hostname=server.host,
                    username=server.username or None,
                    password=server.password if server.username else None,
                    use_tls=server.security == "tls",
                    start_tls=server.security == "starttls",
                    tls_context=self._tls if server.security != "none" else None,
                    local_hostname=self._settings.hostnames[0],
                    timeout=SECONDS,
                    **place,
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = error.recipients[0]
            raise DeliveryError(
                f"{where} refused the recipient with {refused.code}", permanent=refused.code >= 500
            ) from None
        except aiosmtplib.SMTPDataError as error:
            raise DeliveryError(
                f"{where} refused the mail with {error.code}", permanent=error.code >= 500
            ) from None
        except aiosmtplib.SMTPResponseException as error:
            raise DeliveryError(f"{where} answered with {error.code}") from None
        except (aiosmtplib.SMTPException, ForbiddenAddressError, OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise DeliveryError(f"{where} cannot be used: {reason}") from None


@asynccontextmanager
async def _reached(server: MailServer) -> AsyncIterator[dict[str, Any]]:
    """How the library is to reach a server: by its port, or by a connection to an address that was checked.

    Raises OSError (TimeoutError too) or ForbiddenAddressError.
    """
    if server.guard is None:
        yield {"port": server.port}
        return
    async with asyncio.timeout(SECONDS):
        connected = await _connected(await server.guard.addresses(server.host, server.port), server.port)
    with connected:
        yield {"sock": connected}


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


def _address(address: str, name: str) -> Address:
    return Address(_one_line(name), addr_spec=address)


def _one_line(text: str) -> str:
    """Text that cannot begin a header of its own."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
