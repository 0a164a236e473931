"""Messages to people, put in line with the change that they are about; a worker of its own sends them.

A message exists if and only if its change does: both are of one transaction. The row goes when the
message was sent, and with it the link or code that it holds; until then these are sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert

from tidewire.core.time import now
from tidewire.services.messages import MailText
from tidewire.store.engine.database import Transaction
from tidewire.store.schema import outgoing_messages


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
    _enqueue(
        transaction,
        channel="mail",
        recipient=address,
        recipient_name=name,
        subject=mail.subject,
        html=mail.html,
        text=mail.text,
        sender=dict(sender or {}),
    )


def enqueue_text_message(transaction: Transaction, phone: str, text: str) -> None:
    """Have ``text`` sent to a phone number (E.164)."""
    _enqueue(transaction, channel="sms", recipient=phone, text=text)


def _enqueue(transaction: Transaction, **values: Any) -> None:
    moment = now()
    seal = transaction.connection.encryption.seal
    values |= {name: seal(values[name]) for name in ("html", "text") if values.get(name)}
    transaction.connection.execute(
        insert(outgoing_messages), {"created_at": moment, "next_attempt_at": moment, **values}
    )
