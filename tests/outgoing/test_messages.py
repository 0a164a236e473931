"""Mails and text messages: from the queue to a mail server, or to the outbox."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from tests.outgoing.conftest import ANYWHERE, Post, until
from tests.support.certificates import make_certificate, server_context
from tests.support.mail_server import MailServer, mail_server
from tidewire.core.project_settings import SmtpSettings
from tidewire.outbound.http import OutboundHttp
from tidewire.outgoing import messages
from tidewire.outgoing.deliverer import carriers_of
from tidewire.outgoing.mail import MailCarrier
from tidewire.outgoing.retries import retry_delay
from tidewire.services.messages.mails import MailText
from tidewire.services.outgoing import enqueue_mail, enqueue_text_message
from tidewire.store.schema import outgoing_messages
from tidewire.store.secrets.encryption import Encryption
from tidewire.store.upkeep.outbox import Outbox

MAIL = MailText(
    "Hello – you", "<!doctype html>\n<html><head></head><body><p>Grüße</p></body></html>\n", "Grüße\n"
)


async def enqueue(post: Post, address: str = "ada@example.com", name: str = "Ada", **sender: Any) -> None:
    await post.write(lambda transaction: enqueue_mail(transaction, address, name, MAIL, sender))


async def use_server(post: Post, server: MailServer, **changes: Any) -> None:
    """Have the project send by this server."""
    password = changes.pop("password", "")
    smtp = SmtpSettings(
        enabled=True,
        host=changes.pop("host", "localhost"),
        port=server.port,
        sender_email="team@example.org",
        sender_name="The Team",
        password=password and post.instance.encryption.seal(password),
        **changes,
    )

    await post.instance.update_project(
        post.project_id,
        lambda project: replace(project, settings=msgspec.structs.replace(project.settings, smtp=smtp)),
    )


async def all_sent(post: Post) -> bool:
    return not await post.message_rows()


async def tried(post: Post) -> bool:
    """Whether the only message was tried to be sent."""
    rows = await post.message_rows()
    return len(rows) == 1 and rows[0].attempts > 0


async def given_up(post: Post) -> bool:
    """Whether of all messages one was given up, and the others were sent."""
    rows = await post.message_rows()
    return len(rows) == 1 and rows[0].state == "failed"


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part
    return str(part.get_content()).replace("\r\n", "\n")


async def test_a_mail_by_the_server_of_the_project(post: Post) -> None:
    async with mail_server() as server, post.delivering():
        await use_server(post, server, reply_to_email="help@example.org", reply_to_name="Help")
        await enqueue(post)
        (mail,) = await server.received(1)
        await until(lambda: all_sent(post))
    assert server.recipients == ["ada@example.com"]
    assert (mail["From"], mail["To"]) == ("The Team <team@example.org>", "Ada <ada@example.com>")
    assert (mail["Reply-To"], mail["Subject"]) == ("Help <help@example.org>", "Hello – you")
    assert (body(mail, "plain"), body(mail, "html")) == (MAIL.text, MAIL.html)
    assert mail["Message-ID"].endswith(f".{post.project_id}@example.org>")


async def test_what_an_earlier_version_left_in_clear_is_sent(post: Post) -> None:
    await enqueue(post)
    clear = update(outgoing_messages).values(html=MAIL.html, text=MAIL.text)
    await post.write(lambda transaction: transaction.connection.execute(clear) and None)
    async with mail_server() as server, post.delivering():
        await use_server(post, server)
        (mail,) = await server.received(1)
        await until(lambda: all_sent(post))
    assert (body(mail, "plain"), body(mail, "html")) == (MAIL.text, MAIL.html)


async def test_what_cannot_be_opened_is_given_up(post: Post) -> None:
    await enqueue(post)
    foreign = update(outgoing_messages).values(text=Encryption(b"another").seal(MAIL.text))
    await post.write(lambda transaction: transaction.connection.execute(foreign) and None)
    await enqueue(post, "bob@example.com")
    async with mail_server() as server, post.delivering():
        await use_server(post, server)
        await server.received(1)
        await until(lambda: given_up(post))
    (row,) = await post.message_rows()
    assert "cannot be opened" in row.last_error
    assert server.recipients == ["bob@example.com"]


async def test_a_mail_by_the_server_of_the_settings(post: Post) -> None:
    async with mail_server() as server:
        post.settings = msgspec.structs.replace(
            post.settings,
            smtp_host="127.0.0.1",
            smtp_port=server.port,
            smtp_security="none",
            smtp_sender="tide@example.net",
            smtp_sender_name="Tide",
        )
        async with post.delivering():
            await enqueue(post)
            (mail,) = await server.received(1)
    assert mail["From"] == mail["Reply-To"] == "Tide <tide@example.net>"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "[::ffff:127.0.0.1]", "localhost.localdomain"])
async def test_a_server_of_the_project_at_an_internal_address_is_not_called(post: Post, host: str) -> None:
    async with mail_server() as server, post.delivering():
        await use_server(post, server, host=host)
        await enqueue(post)
        await until(lambda: tried(post))
        (row,) = await post.message_rows()
        assert not server.connections
    assert "cannot be used" in row.last_error
    if host == "127.0.0.1":
        assert "internal address" in row.last_error


@pytest.mark.parametrize("secure", ["tls", "ssl"])
async def test_encrypted_with_a_password(post: Post, tmp_path: Path, secure: str) -> None:
    certificate = make_certificate(tmp_path)
    context = server_context(certificate)
    trusting = ssl.create_default_context(cafile=certificate)
    carriers = {
        **carriers_of(post.settings, OutboundHttp(ANYWHERE)),
        "mail": MailCarrier(post.settings, Outbox(str(tmp_path)), trusting),
    }
    starttls, tls, password = (context, None, "open sesame") if secure == "tls" else (None, context, "")
    async with (
        mail_server(starttls=starttls, tls=tls, password=password) as server,
        post.delivering(carriers=carriers),
    ):
        login = {"username": "team", "password": password} if password else {}
        await use_server(post, server, secure=secure, **login)
        await enqueue(post)
        await server.received(1)
    assert server.encrypted == [True]
    assert server.logins == ([("team", "open sesame")] if secure == "tls" else [])


@pytest.mark.parametrize("secure", ["tls", "ssl"])
async def test_servers_with_a_certificate_of_nobody(post: Post, tmp_path: Path, secure: str) -> None:
    context = server_context(make_certificate(tmp_path))
    starttls, tls = (context, None) if secure == "tls" else (None, context)
    async with mail_server(starttls=starttls, tls=tls) as server, post.delivering():
        await use_server(post, server, secure=secure)
        await enqueue(post)

        await until(lambda: tried(post))
        assert not server.mails
        (row,) = await post.message_rows()
    assert "certificate" in row.last_error.lower()


async def test_no_encryption_where_it_was_asked_for(post: Post) -> None:
    async with mail_server() as server, post.delivering():
        await use_server(post, server, secure="tls")
        await enqueue(post)

        await until(lambda: tried(post))
        assert not server.mails


async def test_retries_until_it_works(post: Post) -> None:
    async with mail_server() as server, post.delivering():
        server.refusals += ["451 later", "451 later", "421 not now"]
        await use_server(post, server)
        await enqueue(post)
        await server.received(1)
        await until(lambda: all_sent(post))
    assert len(server.mails) == 1


async def test_retries_survive_a_restart(post: Post) -> None:
    await use_server(post, MailServer(port=1))
    await enqueue(post)

    async with post.delivering():
        await until(lambda: tried(post))
    await post.reopen()
    (row,) = await post.message_rows()
    assert row.attempts >= 1
    assert "localhost:1 cannot be used" in row.last_error
    async with mail_server() as server:
        await use_server(post, server)
        async with post.delivering():
            await server.received(1)
            await until(lambda: all_sent(post))


@pytest.mark.parametrize("refusal", ["550 no such user", "554 spam"])
async def test_what_can_never_work_is_given_up(post: Post, refusal: str) -> None:
    async with mail_server() as server, post.delivering():
        if refusal.startswith("550"):
            server.refused_recipients["ada@example.com"] = refusal
        else:
            server.refusals.append(refusal)
        await use_server(post, server)
        await enqueue(post)
        await enqueue(post, "bob@example.com")
        await server.received(1)

        await until(lambda: given_up(post))
    (row,) = await post.message_rows()
    assert (row.attempts, row.subject, row.html, row.text) == (1, "", "", "")
    assert refusal[:3] in row.last_error


async def test_given_up_after_the_last_attempt(post: Post) -> None:
    post.settings = msgspec.structs.replace(post.settings, message_max_attempts=3)
    await use_server(post, MailServer(port=1))
    await enqueue(post)

    async with post.delivering():
        await until(lambda: given_up(post))
    (row,) = await post.message_rows()
    assert (row.attempts, row.text) == (3, "")


async def test_one_project_does_not_delay_another(post: Post) -> None:
    """A mail server that never answers keeps only those who chose it."""

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(silence, "127.0.0.1", 0)
    await use_server(post, MailServer(port=silent.sockets[0].getsockname()[1]))
    for _ in range(20):
        await enqueue(post)
    async with post.delivering():
        await post.instance.create_project("other", "Other")
        post.project_id = "other"
        await enqueue(post)
        await until(lambda: all_sent(post))
    silent.close()


async def test_without_a_server_mails_stay_in_the_outbox(post: Post) -> None:
    outbox = Outbox(post.settings.data_dir)
    assert outbox.newest(10) == []
    async with post.delivering():
        await enqueue(post)
        await post.write(lambda transaction: enqueue_text_message(transaction, "+15550100", "Code: 123456"))
        await until(lambda: all_sent(post))
    text_message, mail = outbox.newest(10)
    assert (mail.message["To"], mail.message["Subject"]) == ("Ada <ada@example.com>", "Hello – you")
    assert body(mail.message, "html") == MAIL.html
    assert text_message.message["To"] == "+15550100"
    assert "nothing was sent" in text_message.message["Subject"]
    assert body(text_message.message, "plain") == "Code: 123456\n"
    assert outbox.directory.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in outbox.directory.iterdir())


async def test_a_message_for_the_outbox_is_there_once(post: Post) -> None:
    outbox, note = Outbox(post.settings.data_dir), EmailMessage()
    note["Subject"] = "x"
    note.set_content("y")
    for _ in range(2):
        await outbox.put(1_700_000_000_000, "default", 1, note)
    assert len(outbox.newest(10)) == 1


async def test_the_outbox_is_bounded(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidewire.store.upkeep.outbox.KEPT", 10)
    monkeypatch.setattr("tidewire.store.upkeep.outbox._PRUNE_STEP", 5)
    outbox, note = Outbox(post.settings.data_dir), EmailMessage()
    note.set_content("y")
    for number in range(40):
        await outbox.put(1_700_000_000_000 + number, "default", number, note)
    kept = outbox.newest(100)
    assert 10 <= len(kept) <= 15
    assert kept[0].created_at == 1_700_000_000_039


@pytest.mark.parametrize("name", ["", "..", "../secrets.json", "1700000000000-a-1.eml/../../x", "x.eml"])
def test_only_messages_are_found(post: Post, name: str) -> None:
    assert Outbox(post.settings.data_dir).find(name) is None


async def test_text_messages_without_a_provider(post: Post) -> None:
    post.settings = msgspec.structs.replace(post.settings, sms_provider="none")
    async with post.delivering():
        await post.write(lambda transaction: enqueue_text_message(transaction, "+15550100", "Code: 1"))

        await until(lambda: given_up(post))


async def test_names_cannot_bring_headers(post: Post) -> None:
    async with mail_server() as server, post.delivering():
        await use_server(post, server)
        await enqueue(post, name='Ada"\r\nBcc: eve@example.com\r\n\r\nHi')
        (mail,) = await server.received(1)
    assert mail["Bcc"] is None
    assert server.recipients == ["ada@example.com"]
    assert mail["To"].addresses[0].addr_spec == "ada@example.com"


async def test_one_deliverer_for_all_processes(post: Post) -> None:
    async with mail_server() as server, post.delivering(), post.delivering():
        await use_server(post, server)
        for number in range(20):
            await enqueue(post, f"u{number}@example.com")
        await until(lambda: all_sent(post))
    assert sorted(server.recipients) == sorted(f"u{number}@example.com" for number in range(20))


async def test_the_next_process_takes_over(post: Post) -> None:
    async with mail_server() as server:
        await use_server(post, server)
        first = post.delivering()
        await first.__aenter__()
        async with post.delivering():
            await enqueue(post)
            await server.received(1)
            await first.__aexit__(None, None, None)
            await enqueue(post)
            await server.received(2)


def test_pauses_grow_and_differ() -> None:
    for failures, usual in ((1, 30), (2, 60), (3, 120), (8, 3600), (5000, 3600)):
        delays = {retry_delay(failures, 30, 3600) for _ in range(20)}
        assert len(delays) > 1
        assert all(usual * 0.75 <= delay <= usual * 1.25 for delay in delays)


async def test_other_senders_of_one_mail(post: Post) -> None:
    """A test of mail settings uses those given with the mail, not the project's."""
    async with mail_server() as server, post.delivering():
        smtp = SmtpSettings(enabled=True, host="localhost", port=server.port, sender_email="new@example.com")
        await enqueue(post, **msgspec.to_builtins(smtp))
        (mail,) = await server.received(1)
    assert mail["From"] == "Tidewire <new@example.com>"


async def test_a_message_that_breaks_something_keeps_no_others(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "AT_ONCE", 1)
    await enqueue(post, nonsense=1)
    await enqueue(post, "bob@example.com")
    async with post.delivering():
        await until(lambda: tried(post))
    (row,) = await post.message_rows()
    assert row.recipient == "ada@example.com"
