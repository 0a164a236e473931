"""What carries messages to many people: the contract, and what couriers are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

_LONGEST_REASON: Final = 300
_TEMPORARY: Final = ("throttl", "rate limit", "too many", "quota", "timeout", "timed out", "temporarily")


@dataclass(frozen=True)
class Recipient:
    """A target that is to be told."""

    sequence: int
    id: str
    address: str
    """Mail address, phone number or token of a device."""


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    mime_type: str
    content: bytes


@dataclass(frozen=True)
class Letter:
    """A message, ready to be carried."""

    project_id: str
    id: str
    created_at: int
    """Milliseconds since the epoch."""
    data: Mapping[str, Any]
    attachments: Sequence[Attachment] = ()
    copied: Sequence[str] = ()
    """Mail addresses that the recipients see as told too."""
    image_url: str = ""
    """The address at which devices get the picture of a push message; empty: there is none."""

    def text(self, name: str) -> str:
        """A part of the message; empty if it is not there."""
        return str(self.data.get(name) or "")


@dataclass(frozen=True)
class Provider:
    """A provider of a project, its credentials in clear."""

    sequence: int
    changed_at: int
    """Milliseconds since the epoch."""
    kind: str
    credentials: Mapping[str, Any]
    options: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Provider({self.kind})"

    def text(self, name: str) -> str:
        """A credential or option as text; empty if it is not there."""
        return str(self.credentials.get(name) or self.options.get(name) or "")


@dataclass(frozen=True)
class Refusal:
    """Why a recipient was not told."""

    reason: str
    temporary: bool = False
    """Trying again may help."""
    expired: bool = False
    """The device is reached there no more."""
    seconds: float = 0.0
    """The seconds that a provider wants us to wait."""


class Courier(Protocol):
    """Carries messages by providers of one kind."""

    def at_once(self, letter: Letter) -> int:
        """How many recipients one call may have."""
        ...

    async def carry(
        self, provider: Provider, letter: Letter, recipients: Sequence[Recipient]
    ) -> Mapping[int, Refusal]:
        """Tell recipients; who was not told, by their numbers. Raises nothing that is expected."""
        ...


def refused(recipients: Sequence[Recipient], refusal: Refusal) -> dict[int, Refusal]:
    """The answer of a courier that could tell none of them."""
    return {recipient.sequence: refusal for recipient in recipients}


def refusal(reason: str, *, temporary: bool = False, seconds: float = 0.0) -> Refusal:
    """A refusal in words of a provider, cut short; some words show that it is temporary."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in reason).split())
    lower = plain.lower()
    return Refusal(
        plain[:_LONGEST_REASON], temporary or any(word in lower for word in _TEMPORARY), seconds=seconds
    )
