"""Mails by a mail server of the project."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Final

from tidewire.outbound.guard import ForbiddenAddressError, Guard
from tidewire.outbound.smtp import MailServer, Security, give_mail
from tidewire.outgoing.messaging.couriers import Letter, Provider, Recipient, Refusal, refusal, refused
from tidewire.outgoing.messaging.mime import mime_of

AT_ONCE: Final = 100
"""Recipients of one mail, which servers must take at least (RFC 5321)."""
_SECURITY: Final[Mapping[str, Security]] = {"ssl": "tls", "tls": "starttls"}


class SmtpCourier:
    """Gives one mail for many recipients, none of whom sees the others."""

    def __init__(self, guard: Guard, own_name: str, tls: ssl.SSLContext | None = None) -> None:
        """``own_name`` is what servers are told of ours."""
        self._guard = guard
        self._own_name = own_name
        self._tls = tls or ssl.create_default_context()

    def at_once(self, letter: Letter) -> int:  # noqa: ARG002 - the contract of couriers
        """Return the number of recipients that any server takes at once."""
        return AT_ONCE

    async def carry(
        self, provider: Provider, letter: Letter, recipients: Sequence[Recipient]
    ) -> Mapping[int, Refusal]:
        """Give the mail to the first of the provider's servers that takes it."""
        try:
            mail = mime_of(provider, letter)
        except ValueError as error:
            return refused(recipients, refusal(str(error)))
        told: Refusal = refusal("the provider names no mail server")
        for server in self._servers(provider):
            outcome = await self._give(server, mail, recipients)
            if not isinstance(outcome, Refusal):
                return outcome
            told = outcome
            if not told.temporary:
                break
        return refused(recipients, told)

    def _servers(self, provider: Provider) -> list[MailServer]:
        security = _SECURITY.get(provider.text("encryption"))
        if security is None:
            security = "auto" if provider.options.get("autoTLS", True) else "none"
        usual = int(provider.credentials.get("port") or 587)
        servers = []
        for named in provider.text("host").split(";"):
            host, _, port = named.strip().rpartition(":")
            if not (host and port.isdigit()):
                host, port = named.strip(), ""
            if host:
                servers.append(
                    MailServer(
                        host,
                        int(port or usual),
                        provider.text("username"),
                        provider.text("password"),
                        security,
                        self._guard,
                    )
                )
        return servers

    async def _give(
        self, server: MailServer, mail: object, recipients: Sequence[Recipient]
    ) -> Refusal | Mapping[int, Refusal]:
        """Return the refusals by the numbers of the recipients; a single one if the server took the mail for
        nobody."""
        import aiosmtplib  # here, because not every installation sends mails

        numbers = {recipient.address: recipient.sequence for recipient in recipients}
        where = f"{server.host}:{server.port}"
        try:
            failed = await give_mail(server, mail, self._own_name, self._tls, list(numbers))  # type: ignore[arg-type]
        except aiosmtplib.SMTPRecipientsRefused as error:
            failed = {each.recipient: (each.code, each.message) for each in error.recipients}
        except aiosmtplib.SMTPResponseException as error:
            return refusal(f"{where} answered {error.code} {error.message}", temporary=error.code < 500)
        except (aiosmtplib.SMTPException, OSError) as error:
            return refusal(f"{where} cannot be used: {error or type(error).__name__}", temporary=True)
        except (ForbiddenAddressError, ValueError) as error:
            return refusal(f"{where} cannot be used: {error}")
        return {
            numbers[address]: refusal(f"{where} answered {code} {said}", temporary=code < 500)
            for address, (code, said) in failed.items()
            if address in numbers
        }
