"""Mails with files: written and given by a process of their own, to a real mail server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import make_certificate, server_context
from tests.support.mail_server import MailServer, mail_server
from tidewire.outbound.guard import Guard
from tidewire.outgoing.messaging import smtp
from tidewire.outgoing.messaging.couriers import Attachment, Letter, Provider, Recipient
from tidewire.outgoing.messaging.smtp import SmtpCourier

CONTENT = os.urandom(2_000_000)
LETTER = Letter(
    "project",
    "message",
    1_700_000_000_000,
    {"subject": "News", "content": "Hello\n.\n.hidden"},
    [Attachment("größe.bin", "application/octet-stream", CONTENT)],
)
RECIPIENTS = [Recipient(number, f"target-{number}", f"somebody{number}@example.com") for number in range(3)]


def provider(server: MailServer, **more: Any) -> Provider:
    options = {
        "fromEmail": "team@example.com",
        "encryption": more.pop("encryption", "none"),
        "autoTLS": False,
    }
    credentials = {"host": "127.0.0.1", "port": server.port, **more}
    return Provider(1, 1, "smtp", credentials, options)


def courier(*, allow_private: bool = True) -> SmtpCourier:
    return SmtpCourier(Guard(allow_private=allow_private), "here.test")


def parts(mail: EmailMessage) -> Sequence[Any]:
    return [part.get_content() for part in mail.iter_parts()]


async def test_who_is_refused_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "mime_of", None)  # nothing is written in this process
    async with mail_server() as server:
        server.refused_recipients[RECIPIENTS[1].address] = "550 nobody of that name"
        found = await courier().carry(provider(server), LETTER, RECIPIENTS)
        (mail,) = server.mails
    assert {number: refusal.reason for number, refusal in found.items()} == {
        1: f"127.0.0.1:{server.port} answered 550 nobody of that name"
    }
    assert not found[1].temporary
    assert server.recipients == [RECIPIENTS[0].address, RECIPIENTS[2].address]
    text, content = parts(mail)
    assert text.splitlines() == ["Hello", ".", ".hidden"]
    assert content == CONTENT
    assert [part.get_filename() for part in mail.iter_attachments()] == ["größe.bin"]


@pytest.mark.parametrize(("answer", "temporary"), [("451 later", True), ("554 never", False)])
async def test_a_server_that_takes_nothing(answer: str, temporary: bool) -> None:
    async with mail_server() as server:
        server.refusals = [answer]
        found = await courier().carry(provider(server), LETTER, RECIPIENTS)
    assert {refusal.temporary for refusal in found.values()} == {temporary}
    assert all(answer in refusal.reason for refusal in found.values())
    assert len(found) == len(RECIPIENTS)


async def test_internal_servers_are_not_reached() -> None:
    async with mail_server() as server:
        found = await courier(allow_private=False).carry(provider(server), LETTER, RECIPIENTS)
    assert server.connections == 0
    assert "internal address" in found[0].reason


async def test_a_server_that_protects_and_asks_who_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    login = {"username": "team", "password": "open sesame", "encryption": "tls", "host": "localhost"}
    async with mail_server(starttls=server_context(certificate), password="open sesame") as server:
        assert not await courier().carry(provider(server, **login), LETTER, RECIPIENTS)
    assert server.logins == [("team", "open sesame")]
    assert server.encrypted == [True]


async def test_whoever_gives_up_ends_the_process() -> None:
    async with mail_server() as server:
        carrying = asyncio.create_task(courier().carry(provider(server), LETTER, RECIPIENTS))
        while not _children():  # noqa: ASYNC110 - there is no event for the start of a process
            await asyncio.sleep(0.001)
        carrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await carrying
        assert not _children()
        assert not server.mails


def _children() -> list[str]:
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    found = [each for task in tasks for each in (task / "children").read_text().split()]
    return [each for each in found if b"messaging.mailer" in Path(f"/proc/{each}/cmdline").read_bytes()]
