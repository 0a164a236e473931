"""What a webhook is sent: one event as an HTTP request."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

import tidewire
from tidewire.core.events import NOBODY, LoggedEvent, event_names
from tidewire.store.engine.connection import Row

USER_AGENT: Final = f"Tidewire-Server/{tidewire.__version__}"


@dataclass(frozen=True)
class Webhook:
    """A webhook with its secrets in clear."""

    sequence: int
    id: str
    name: str
    url: str
    events: frozenset[str]
    """The names of the wanted events. An event is wanted if it goes by one of them."""
    verify: bool
    """Whether the certificate of an https address is checked."""
    username: str
    password: str
    secret: str
    updated_at: int
    """The time at which its owner changed it, in milliseconds since the epoch."""
    position: int
    """Offset in the event log up to which everything is delivered."""
    failures: int
    """Attempts that have failed since the last one that succeeded."""
    next_attempt_at: int
    """The time of the next attempt, in milliseconds since the epoch."""

    def __repr__(self) -> str:
        return f"Webhook({self.id!r})"


def names_for_webhooks(logged: LoggedEvent) -> list[str]:
    """The names by which webhooks know an event: without the database type; none if it is not for them."""
    event = logged.event
    return [] if event.audience == NOBODY else event_names(event.pattern, event.parameters)


def webhook_headers(
    webhook: Webhook, logged: LoggedEvent, names: Sequence[str], epoch: str, body: bytes, user_agent: str
) -> list[tuple[str, str]]:
    """The headers with which an event is sent as ``body``; ``epoch`` is that of its log."""
    headers = [
        ("Content-Type", "application/json"),
        ("User-Agent", user_agent or USER_AGENT),
        ("X-Appwrite-Webhook-Id", webhook.id),
        ("X-Appwrite-Webhook-Events", ",".join(names)),
        ("X-Appwrite-Webhook-Name", webhook.name),
        ("X-Appwrite-Webhook-User-Id", logged.event.actor_id),
        ("X-Appwrite-Webhook-Project-Id", logged.project_id),
        ("X-Appwrite-Webhook-Signature", signature(webhook, body)),
        # Tidewire's own: tells a delivery that comes twice, and the order of all.
        ("X-Tidewire-Event-Offset", str(logged.offset)),
        ("X-Tidewire-Event-Epoch", epoch),
    ]
    if webhook.username or webhook.password:
        credentials = base64.b64encode(f"{webhook.username}:{webhook.password}".encode()).decode()
        headers.append(("Authorization", f"Basic {credentials}"))
    return headers


def with_secret(payload: bytes, secret: str) -> bytes:
    """The payload of an event of a one-time secret, with the secret."""
    return msgspec.json.encode({**msgspec.json.decode(payload), "secret": secret})


def signature(webhook: Webhook, payload: bytes) -> str:
    """Base64 of the HMAC-SHA1 of the address and the body, keyed with the webhook's secret."""
    digest = hmac.new(webhook.secret.encode(), webhook.url.encode() + payload, hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def webhook_of(row: Row[Any], password: str, secret: str) -> Webhook:
    """The webhook of a row, with its secrets opened."""
    return Webhook(
        sequence=row.sequence,
        id=row.id,
        name=row.name,
        url=row.url,
        events=frozenset(row.events),
        verify=row.tls,
        username=row.auth_username,
        password=password,
        secret=secret,
        updated_at=row.updated_at,
        position=row.position,
        failures=row.failures,
        next_attempt_at=row.next_attempt_at,
    )
