"""Mails by a mail server of the project."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from tidewire.outbound.guard import ForbiddenAddressError, Guard
from tidewire.outbound.own_process import OwnProcessError, ask_process
from tidewire.outbound.smtp import MailServer, Security, connected_to
from tidewire.outgoing.messaging.couriers import Letter, Provider, Recipient, Refusal, refusal, refused
from tidewire.outgoing.messaging.mailer import Order
from tidewire.outgoing.messaging.mime import mime_of
from tidewire.outgoing.messaging.smtp_outcome import Given, given

AT_ONCE: Final = 100
"""Recipients of one mail, which servers must take at least (RFC 5321)."""
_MODULE: Final = "tidewire.outgoing.messaging.mailer"
_PROCESSES: Final = 2
"""Mails with files that are written at the same time."""
_SECONDS: Final = 600
"""In which a mail with files has to be given."""
_SECURITY: Final[Mapping[str, Security]] = {"ssl": "tls", "tls": "starttls"}


class SmtpCourier:
    """Gives one mail for many recipients, none of whom sees the others."""

    def __init__(self, guard: Guard, own_name: str) -> None:
        """``own_name`` is what servers are told of ours."""
        self._guard = guard
        self._own_name = own_name
        self._tls = ssl.create_default_context()
        self._processes = asyncio.Semaphore(_PROCESSES)

    def at_once(self, letter: Letter) -> int:  # noqa: ARG002 - the contract of couriers
        """As many as any server takes."""
        return AT_ONCE

    async def carry(
        self, provider: Provider, letter: Letter, recipients: Sequence[Recipient]
    ) -> Mapping[int, Refusal]:
        """Give the mail to the first of the provider's servers that takes it."""
        numbers = {recipient.address: recipient.sequence for recipient in recipients}
        outcome = Given(problem="the provider names no mail server")
        for server in self._servers(provider):
            if letter.attachments:
                outcome = await self._given_by_process(server, provider, letter, list(numbers))
            else:
                outcome = await self._given(server, provider, letter, list(numbers))
            if not (outcome.problem and outcome.temporary):
                break
        if outcome.problem:
            return refused(recipients, refusal(outcome.problem, temporary=outcome.temporary))
        where = f"{server.host}:{server.port}"
        return {
            numbers[address]: refusal(f"{where} answered {code} {said}", temporary=code < 500)
            for address, (code, said) in outcome.refused.items()
            if address in numbers
        }

    async def _given(
        self, server: MailServer, provider: Provider, letter: Letter, addresses: list[str]
    ) -> Given:
        try:
            mail = mime_of(provider, letter)
        except ValueError as error:
            return Given(problem=str(error))
        return await given(server, mail, self._own_name, self._tls, addresses)

    async def _given_by_process(
        self, server: MailServer, provider: Provider, letter: Letter, addresses: list[str]
    ) -> Given:
        """The same for a mail with files: to write it and to look through its lines holds the interpreter."""
        async with self._processes:
            try:
                connection = await connected_to(server, self._guard)
            except OSError as error:
                reason = f"{server.host}:{server.port} cannot be used: {error or type(error).__name__}"
                return Given(problem=reason, temporary=True)
            except ForbiddenAddressError as error:
                return Given(problem=f"{server.host}:{server.port} cannot be used: {error}")
            with connection:
                order = Order(
                    connection.fileno(),
                    server.host,
                    server.port,
                    server.username,
                    server.password,
                    server.security,
                    self._own_name,
                    addresses,
                    provider,
                    letter,
                )
                return await _carried(order)

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


async def _carried(order: Order) -> Given:
    """What became of a mail that a process of its own wrote and gave."""
    failed = Given(problem="the process that writes mails failed", temporary=True)
    try:
        code, written = await ask_process(
            _MODULE, msgspec.msgpack.encode(order), _SECONDS, [order.connection]
        )
    except OwnProcessError:
        return failed
    return msgspec.msgpack.decode(written, type=Given) if code == 0 else failed
