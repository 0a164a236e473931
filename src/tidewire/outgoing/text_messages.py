"""Text messages (SMS), by the provider of the settings."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from typing import Final

import msgspec
import structlog

import tidewire
from tidewire.core.text_message_providers import HttpProvider, parse_provider
from tidewire.outbound.http import OutboundHttp, RequestFailedError
from tidewire.outgoing.carriers import Carrier, DeliveryError, OutgoingMessage
from tidewire.settings import Settings
from tidewire.store.upkeep.outbox import Outbox

SECONDS: Final = 15.0
"""Seconds that a provider may take to answer."""
_LATER: Final = frozenset({408, 425, 429})
"""Refusals that tell to try again."""

_log = structlog.get_logger("tidewire.outgoing")


def text_message_carrier(settings: Settings, outbox: Outbox, http: OutboundHttp) -> Carrier:
    """The provider that the settings choose."""
    provider = parse_provider(settings.sms_provider, settings.sms_url, settings.sms_headers)
    if provider is not None:
        return HttpCarrier(provider, settings.sms_from, http)
    return MockProvider(outbox) if settings.sms_provider == "mock" else NoProvider()


class HttpCarrier:
    """Posts each message as JSON, ``{"message", "from", "to"}``, to one address."""

    def __init__(self, provider: HttpProvider, sender: str, http: OutboundHttp) -> None:
        self._provider = provider
        self._sender = sender
        self._http = http

    async def send(self, message: OutgoingMessage) -> None:
        """Post a message. Taken with 2xx; refused for good with 4xx, but for those that say to come later."""
        body = {"message": message.text, "from": self._sender, "to": message.recipient}
        try:
            status = await self._http.post(
                self._provider.url,
                self._headers(message),
                msgspec.json.encode(body),
                verify=True,
                seconds=SECONDS,
            )
        except RequestFailedError as error:
            raise DeliveryError(f"the provider of text messages cannot be reached: {error}") from None
        if not 200 <= status < 300:
            permanent = 400 <= status < 500 and status not in _LATER
            raise DeliveryError(f"the provider of text messages answered {status}", permanent=permanent)

    def _headers(self, message: OutgoingMessage) -> list[tuple[str, str]]:
        usual = {
            "Content-Type": "application/json",
            "User-Agent": f"Tidewire-Server/{tidewire.__version__}",
            # The same for a message that is posted again because the answer to it got lost.
            "Idempotency-Key": f"{message.project_id}.{message.sequence}",
        }
        given = {name.lower() for name, _ in self._provider.headers}
        return [
            *((name, usual[name]) for name in usual if name.lower() not in given),
            *self._provider.headers,
        ]


class MockProvider:
    """Stands in for a provider: writes text messages to the outbox, and sends nothing to any phone."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def send(self, message: OutgoingMessage) -> None:
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

    async def send(self, message: OutgoingMessage) -> None:  # noqa: ARG002 - the interface of carriers
        """Raise :class:`DeliveryError`."""
        raise DeliveryError("no provider of text messages is set up", permanent=True)
