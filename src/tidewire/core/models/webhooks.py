"""Models of webhooks."""

from __future__ import annotations

from tidewire.core.models.base import Page, Resource


class Webhook(Resource, frozen=True, kw_only=True):
    """An address that a project's events are sent to."""

    name: str
    url: str
    events: list[str]
    tls: bool
    """Whether the certificate of the address is checked."""
    auth_username: str
    auth_password: str
    """Always empty: it is sent to the address, never shown."""
    secret: str
    """Signs what is sent; only in the answers that set it, empty otherwise."""
    enabled: bool
    logs: str
    """What went wrong with the last delivery."""
    attempts: int
    """Deliveries that failed since the last that did not."""


class WebhookList(Page, frozen=True, kw_only=True):
    """A page of webhooks."""

    webhooks: list[Webhook]
