"""Mails to many people as MIME."""

from __future__ import annotations

from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from tidewire.outgoing.mail import mail_address, one_line
from tidewire.outgoing.messaging.couriers import Letter, Provider


def mime_of(provider: Provider, letter: Letter) -> EmailMessage:
    """The mail, with none of its recipients in it but those that all see. Raises ValueError."""
    sender = provider.text("fromEmail")
    mail = EmailMessage(policy=policy.SMTP)
    try:
        mail["From"] = mail_address(sender, provider.text("fromName"))
        mail["To"] = mail_address(sender, provider.text("fromName"))
        if letter.copied:
            mail["Cc"] = [Address(addr_spec=address) for address in letter.copied]
        if reply_to := provider.text("replyToEmail"):
            mail["Reply-To"] = mail_address(reply_to, provider.text("replyToName"))
        mail["Subject"] = one_line(letter.text("subject"))
        if mailer := provider.text("mailer"):
            mail["X-Mailer"] = one_line(mailer)
    except (MessageError, IndexError) as error:
        raise ValueError(f"the mail cannot be written: {error}") from None
    # When it goes, not when it was made: a draft or a scheduled mail must not look old on arrival.
    mail["Date"] = format_datetime(datetime.now(UTC))
    # The same for all recipients and at each attempt, so that who gets it twice can tell.
    domain = sender.rpartition("@")[2]
    mail["Message-ID"] = f"<{letter.created_at}.{letter.id}.{letter.project_id}@{domain}>"
    mail.set_content(letter.text("content"), subtype="html" if letter.data.get("html") else "plain")
    for file in letter.attachments:
        main, _, sub = file.mime_type.partition("/")
        known = (main, sub) if main and sub and ";" not in sub else ("text", "plain")
        mail.add_attachment(file.content, maintype=known[0], subtype=known[1], filename=file.name)
    return mail
