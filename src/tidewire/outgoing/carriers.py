"""What carries a message out of the server, and how it says that it could not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tidewire.core.project_settings import SmtpSettings


class DeliveryError(Exception):
    """A message that was not carried; the text says why and holds nothing of the message."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent
        """Trying again cannot help."""


@dataclass(frozen=True)
class OutgoingMessage:
    """A mail or text message that is to be sent."""

    project_id: str
    sequence: int
    """Unique among those of the project."""
    created_at: int
    """Milliseconds since the epoch."""
    recipient: str
    """Address or phone number."""
    recipient_name: str
    subject: str
    html: str
    text: str
    smtp: SmtpSettings
    """The mail server of the project, its password in clear; not enabled: the project has none."""


class Carrier(Protocol):
    """Sends messages of one kind."""

    async def send(self, message: OutgoingMessage) -> None:
        """Return once somebody else is responsible for the message. Raises :class:`DeliveryError`.

        May be called again for a message that was sent: the call before was not noticed.
        """
