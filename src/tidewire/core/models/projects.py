"""Models of projects as the platform sees them."""

from __future__ import annotations

from typing import Any

from tidewire.core.models.base import Model, Page, Resource, system
from tidewire.core.models.keys import DevKey


class _Switch(Model, frozen=True, kw_only=True):
    id: str = system("id")
    enabled: bool


class ProjectAuthMethod(_Switch, frozen=True, kw_only=True):
    """Whether people may sign in to a project in one of the ways there are."""


class ProjectService(_Switch, frozen=True, kw_only=True):
    """Whether clients may use a service of a project."""

    available: bool
    """Whether there is such a service at all: some that clients know are not built here."""


class ProjectProtocol(_Switch, frozen=True, kw_only=True):
    """Whether clients may reach a project over a protocol."""


class Project(Resource, frozen=True, kw_only=True):
    """A project with its settings."""

    name: str
    team_id: str
    region: str
    dev_keys: list[DevKey]
    """Always empty: dev keys have a list of their own, and their secrets do not belong into events."""
    smtp_enabled: bool
    smtp_sender_name: str
    smtp_sender_email: str
    smtp_reply_to_name: str
    smtp_reply_to_email: str
    smtp_host: str
    smtp_port: int
    smtp_username: str
    smtp_password: str
    """Always empty: it is used, never shown."""
    smtp_secure: str
    ping_count: int
    pinged_at: str
    labels: list[str]
    status: str
    onboarding: dict[str, Any]
    auth_methods: list[ProjectAuthMethod]
    services: list[ProjectService]
    protocols: list[ProjectProtocol]
    blocks: list[str]
    console_accessed_at: str
    waf_enabled: bool


class ProjectList(Page, frozen=True, kw_only=True):
    """A page of projects."""

    projects: list[Project]


class MockNumber(Model, frozen=True, kw_only=True):
    """A phone number that gets no message: its one-time password is always the same."""

    number: str
    otp: str
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")


class MockNumberList(Page, frozen=True, kw_only=True):
    """A page of mock numbers."""

    mock_numbers: list[MockNumber]
