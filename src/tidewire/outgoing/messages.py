"""The queue of mails and text messages of one project."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
import structlog

from tidewire.core.project_settings import SmtpSettings
from tidewire.core.time import now
from tidewire.outgoing.carriers import Carrier, DeliveryError, OutgoingMessage
from tidewire.outgoing.retries import retry_delay
from tidewire.store.engine.connection import Row
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import Instance
from tidewire.store.records.outgoing_messages import change_message, due_messages, forget_message
from tidewire.store.secrets.encryption import SEALED, SealError

AT_ONCE: Final = 10
"""Messages of a project that are being sent at the same time."""
FIRST_RETRY_SECONDS: Final = 30.0
LONGEST_RETRY_SECONDS: Final = 3600.0
_LONGEST_ERROR: Final = 500

_log = structlog.get_logger("tidewire.outgoing")


class MessageQueue:
    """Sends what is due of a project's outgoing messages."""

    def __init__(
        self, instance: Instance, project_id: str, carriers: Mapping[str, Carrier], max_attempts: int
    ) -> None:
        """``carriers``: by channel, ``mail`` and ``sms``."""
        self._instance = instance
        self._project_id = project_id
        self._carriers = carriers
        self._max_attempts = max_attempts

    async def send_due(self) -> None:
        """Send everything that is due now."""
        store = await self._instance.project(self._project_id)
        if store is None:
            return
        while rows := await store.database.read(partial(due_messages, limit=AT_ONCE)):
            await asyncio.gather(*(self._send(row, store.project.settings.smtp) for row in rows))

    async def _send(self, row: Row[Any], smtp: SmtpSettings) -> None:
        try:
            message = self._message(row, smtp)
            await self._carriers[row.channel].send(message)
        except DeliveryError as error:
            await self._failed(row, str(error), permanent=error.permanent)
        except Exception as error:
            # One message that breaks something must not keep the others.
            _log.exception("message not sent", project=self._project_id, sequence=row.sequence)
            await self._failed(row, type(error).__name__, permanent=False)
        else:
            await self._write(lambda transaction: forget_message(transaction.connection, row.sequence))

    def _message(self, row: Row[Any], smtp: SmtpSettings) -> OutgoingMessage:
        merged = msgspec.structs.replace(smtp, **row.sender)
        if merged.password:
            try:
                password = self._instance.encryption.open(merged.password)
            except SealError:
                raise DeliveryError("the password of the mail server cannot be opened") from None
            merged = msgspec.structs.replace(merged, password=password)
        return OutgoingMessage(
            project_id=self._project_id,
            sequence=row.sequence,
            created_at=row.created_at,
            recipient=row.recipient,
            recipient_name=row.recipient_name,
            subject=row.subject,
            html=self._opened(row.html),
            text=self._opened(row.text),
            smtp=merged,
        )

    def _opened(self, text: str) -> str:
        if not text.startswith(SEALED.decode()):  # put in line by a version that did not seal
            return text
        try:
            return self._instance.encryption.open(text)
        except SealError:
            raise DeliveryError("the text of the message cannot be opened", permanent=True) from None

    async def _failed(self, row: Row[Any], reason: str, *, permanent: bool) -> None:
        attempts = row.attempts + 1
        given_up = permanent or attempts >= self._max_attempts
        delay = retry_delay(attempts, FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS)
        values: dict[str, Any] = {
            "attempts": attempts,
            "last_error": reason[:_LONGEST_ERROR],
            "next_attempt_at": now() + round(delay * 1000),
        }
        if given_up:
            # Links and codes in it are of no use to anybody any more.
            values |= {"state": "failed", "subject": "", "html": "", "text": "", "sender": {}}

        def unit(transaction: Transaction) -> None:
            change_message(transaction.connection, row.sequence, values)

        _log.warning(
            "message given up" if given_up else "message not sent",
            project=self._project_id,
            sequence=row.sequence,
            attempts=attempts,
            reason=reason,
        )
        await self._write(unit)

    async def _write(self, unit: Callable[[Transaction], None]) -> None:
        store = await self._instance.project(self._project_id)
        if store is not None:
            await store.database.write(unit)
