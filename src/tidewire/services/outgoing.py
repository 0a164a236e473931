"""Messages to people, queued in the transaction of the change that they are about; a worker sends them.

So a message exists if and only if its change does. Its row is deleted when the message was sent, and with it
the link or code that it holds; until then these are sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidewire.services.messages import MailText
from tidewire.store.engine.database import Transaction
from tidewire.store.records.outgoing_messages import add_message


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
