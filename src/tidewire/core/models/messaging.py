"""Models of messaging: providers, topics, subscribers and messages."""

from __future__ import annotations

from typing import Any

from tidewire.core.models.account import Target
from tidewire.core.models.base import Page, Resource


class Provider(Resource, frozen=True, kw_only=True):
    """A service that carries messages to people."""

    name: str
    provider: str
    """The kind of it, such as ``smtp`` or ``twilio``."""
    enabled: bool
    type: str
    """What it carries: ``email``, ``sms`` or ``push``."""
    credentials: dict[str, Any]
    """The names of those that are set; their values are blank."""
    options: dict[str, Any]


class ProviderList(Page, frozen=True, kw_only=True):
    """A page of providers."""

    providers: list[Provider]


class Topic(Resource, frozen=True, kw_only=True):
    """Something that people subscribe to, to be told of it."""

    name: str
    email_total: int
    """Subscribers that are mail addresses."""
    sms_total: int
    push_total: int
    subscribe: list[str]
    """Roles that may subscribe."""


class TopicList(Page, frozen=True, kw_only=True):
    """A page of topics."""

    topics: list[Topic]


class Subscriber(Resource, frozen=True, kw_only=True):
    """A target that is told what a topic is about."""

    target_id: str
    target: Target
    user_id: str
    user_name: str
    topic_id: str
    provider_type: str


class SubscriberList(Page, frozen=True, kw_only=True):
    """A page of subscribers."""

    subscribers: list[Subscriber]


class Message(Resource, frozen=True, kw_only=True):
    """A mail, text message or push message to many people."""

    provider_type: str
    topics: list[str]
    users: list[str]
    targets: list[str]
    scheduled_at: str | None
    delivered_at: str | None
    delivery_errors: list[str] | None
    delivered_total: int
    data: dict[str, Any]
    """What is told, as it was given."""
    status: str
    """``draft``, ``scheduled``, ``processing``, ``sent`` or ``failed``."""


class MessageList(Page, frozen=True, kw_only=True):
    """A page of messages."""

    messages: list[Message]
