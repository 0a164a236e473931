"""A mail server that keeps what it is given."""

# ruff: noqa: ARG002 - the interfaces are those of the library

from __future__ import annotations

import asyncio
import ssl
import threading
import warnings
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class MailServer:
    """The running server. ``refusals`` are given, one after the other, instead of accepting a mail."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    refused_recipients: dict[str, str] = field(default_factory=dict)
    password: str = ""
    connections: int = 0
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def received(self, count: int, seconds: float = 20) -> list[EmailMessage]:
        """Wait until that many mails came; all that came."""
        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(lambda: len(self.mails) >= count)
        return self.mails

    async def handle_RCPT(  # noqa: N802 - the interface of the library
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused_recipients:
            return self.refused_recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the interface of the library
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        assert isinstance(envelope.content, bytes)
        async with self._arrived:
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
            self.recipients += envelope.rcpt_tos
            transport = server.transport
            self.encrypted.append(transport is not None and bool(transport.get_extra_info("ssl_object")))
            self._arrived.notify_all()
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        known = data.password.decode() == self.password
        return AuthResult(success=known, handled=known)  # what is handled is answered by nobody else


@asynccontextmanager
async def mail_server(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, password: str = ""
) -> AsyncIterator[MailServer]:
    """Receive mails until the block ends; with ``password``, only from who knows it."""
    kept = MailServer(password=password)
    protocols: list[SMTP] = []

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a password without TLS, which a test may want
            made = SMTP(
                kept,
                hostname="mail.test",
                tls_context=starttls,
                require_starttls=starttls is not None,
                authenticator=kept.authenticate if password else None,
                auth_required=bool(password),
                auth_require_tls=starttls is not None,
                loop=asyncio.get_running_loop(),
            )
        protocols.append(made)
        kept.connections += 1
        return made

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=tls)
    kept.port = server.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        server.close()
        for made in protocols:
            if made.transport is not None:
                made.transport.close()
        await server.wait_closed()
        await asyncio.sleep(0)


@contextmanager
def running_mail_server(**options: Any) -> Iterator[MailServer]:
    """The same for tests without an event loop: in one of its own, in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mail server", daemon=True)
    thread.start()
    stack = AsyncExitStack()

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    try:
        yield run(stack.enter_async_context(mail_server(**options)))
    finally:
        run(stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
