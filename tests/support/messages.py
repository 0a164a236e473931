"""Mails and text messages that wait to be sent, as their receivers would read them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from tidewire.store.engine.connection import Connection
from tidewire.store.schema import outgoing_messages
from tidewire.store.secrets.encryption import Encryption


def waiting_messages(connection: Connection, encryption: Encryption) -> list[Any]:
    """Everything in line, the oldest first: the columns of the table, with what is sealed opened."""
    rows = connection.execute(select(outgoing_messages).order_by(outgoing_messages.c.sequence))
    return [
        SimpleNamespace(
            **{**row._mapping, "html": _opened(row.html, encryption), "text": _opened(row.text, encryption)}
        )
        for row in rows
    ]


def _opened(text: str, encryption: Encryption) -> str:
    return encryption.open(text) if text else ""
