"""Models of what people of the console are notified of."""

from __future__ import annotations

from tidewire.core.models.base import Page, Resource


class Notification(Resource, frozen=True, kw_only=True):
    """Something that somebody at the console should know."""

    message_id: str
    """The same for everybody who is notified of it."""
    type: str
    channel: str
    resource_type: str
    resource_id: str
    parent_resource_type: str
    parent_resource_id: str
    project_id: str
    title: str
    body: str
    read: bool
    first_seen: str | None
    last_seen: str | None


class NotificationList(Page, frozen=True, kw_only=True):
    """A page of notifications."""

    notifications: list[Notification]
