"""Messages to people, queued in the transaction of the change that they are about; a worker sends them.

So a message exists if and only if its change does. Its row is deleted when the message was sent, and with it
the link or code that it holds; until then these are sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tidewire.core.locales import DEFAULT_LOCALE
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.services.messages.languages import language_of
from tidewire.services.messages.mails import MailText, Occasion, compose
from tidewire.store.engine.database import Transaction
from tidewire.store.records.email_templates import find_email_template
from tidewire.store.records.outgoing_messages import add_message

_SENDER: Final = ("sender_name", "sender_email", "reply_to_email", "reply_to_name")


def mail_user(
    transaction: Transaction, context: Context, address: str, name: str, occasion: Occasion
) -> None:
    """Have a user told of ``occasion``, in the language of the request; ``name`` may be empty.

    While the project has a mail server of its own, its template for that locale is used, else the one for
    :data:`~tidewire.core.locales.DEFAULT_LOCALE`, else the built-in texts.
    """
    template = None
    if context.project.settings.smtp.enabled:
        template = find_email_template(
            transaction.connection, occasion.template, context.locale, DEFAULT_LOCALE
        )
    language = language_of(context.locale)
    mail = compose(occasion, language, context.project_name, name, now(), template)
    sender = {}
    if template is not None:
        sender = {field: getattr(template, field) for field in _SENDER if getattr(template, field)}
    enqueue_mail(transaction, address, name, mail, sender)


def enqueue_mail(
    transaction: Transaction,
    address: str,
    name: str,
    mail: MailText,
    sender: Mapping[str, Any] | None = None,
) -> None:
    """Have ``mail`` sent to ``address``; ``name`` is the receiver's and may be empty.

    ``sender`` holds what differs from the project's mail settings, secrets sealed; usually nothing.
    """
    message = {
        "channel": "mail",
        "recipient": address,
        "recipient_name": name,
        "subject": mail.subject,
        "html": mail.html,
        "text": mail.text,
        "sender": dict(sender or {}),
    }
    add_message(transaction.connection, message)


def enqueue_text_message(transaction: Transaction, phone: str, text: str) -> None:
    """Have ``text`` sent to a phone number (E.164)."""
    add_message(transaction.connection, {"channel": "sms", "recipient": phone, "text": text})
