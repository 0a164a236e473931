"""Mails: written as MIME, given to a mail server or to the outbox."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

import structlog

from tidewire.outbound.guard import ForbiddenAddressError, guard_of
from tidewire.outbound.smtp import MailServer, give_mail, server_of_project
from tidewire.outgoing.carriers import DeliveryError, OutgoingMessage
from tidewire.settings import Settings
from tidewire.store.upkeep.outbox import Outbox

_log: Final = structlog.get_logger("tidewire.outgoing")


@dataclass(frozen=True)
class Sender:
    """The sender of mails."""

    address: str
    name: str
    reply_to: str
    reply_to_name: str


class MailCarrier:
    """Sends mails by the project's mail server, else by that of the settings, else to the outbox."""

    def __init__(self, settings: Settings, outbox: Outbox, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._outbox = outbox
        self._guard = guard_of(settings)
        self._tls = tls or ssl.create_default_context()

    async def send(self, message: OutgoingMessage) -> None:
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

    def _server(self, message: OutgoingMessage) -> MailServer | None:
        smtp, settings = message.smtp, self._settings
        if smtp.enabled:
            return server_of_project(smtp, self._guard)
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

    def _sender(self, message: OutgoingMessage) -> Sender:
        smtp, settings = message.smtp, self._settings
        name = smtp.sender_name or settings.smtp_sender_name
        # Another server would not be believed to send mails from the project's address.
        address = smtp.sender_email if smtp.enabled else settings.smtp_sender
        return Sender(address, name, smtp.reply_to_email or address, smtp.reply_to_name or name)

    def _mime(self, message: OutgoingMessage) -> EmailMessage:
        sender = self._sender(message)
        mail = EmailMessage(policy=policy.SMTP)
        try:
            mail["From"] = mail_address(sender.address, sender.name)
            mail["To"] = mail_address(message.recipient, message.recipient_name)
            mail["Reply-To"] = mail_address(sender.reply_to, sender.reply_to_name)
            mail["Subject"] = one_line(message.subject)
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
            await give_mail(server, mail, self._settings.hostnames[0], self._tls)
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


def mail_address(address: str, name: str) -> Address:
    """An address with a name for a header. Raises ValueError or MessageError."""
    return Address(one_line(name), addr_spec=address)


def one_line(text: str) -> str:
    """Text that cannot begin a header of its own."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
