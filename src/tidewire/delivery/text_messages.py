"""Text messages (SMS), by the provider of the settings."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage

import structlog

from tidewire.delivery.carriers import Carrier, DeliveryError, Message
from tidewire.settings import Settings
from tidewire.store.outbox import Outbox

_log = structlog.get_logger("tidewire.delivery")


def text_message_carrier(settings: Settings, outbox: Outbox) -> Carrier:
    """The provider that the settings choose."""
    return MockProvider(outbox) if settings.sms_provider == "mock" else NoProvider()


class MockProvider:
    """Stands in for a provider: writes text messages to the outbox, and sends nothing to any phone."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def send(self, message: Message) -> None:
        """Write a message to the outbox."""
        note = EmailMessage(policy=policy.SMTP)
        note["To"] = message.recipient
        note["Subject"] = "Text message (mock provider: nothing was sent)"
        note["X-Tidewire-Channel"] = "sms"
        note.set_content(message.text)
        await self._outbox.put(message.created_at, message.project_id, message.sequence, note)
        _log.warning("text message kept in the outbox: the mock provider sends nothing")


class NoProvider:
    """Refuses every message."""

    async def send(self, message: Message) -> None:  # noqa: ARG002 - the interface of carriers
        """Raise :class:`DeliveryError`."""
        raise DeliveryError("no provider of text messages is set up", permanent=True)
