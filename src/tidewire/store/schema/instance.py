"""Tables of the instance: projects, and what registers programs with them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text, UniqueConstraint

from tidewire.store.schema.columns import (
    HASH_LENGTH,
    ID_LENGTH,
    Milliseconds,
    created,
    instance_metadata,
    json,
    number,
    resource,
    sequence,
    text,
    time,
)


def _of_project(*, nullable: bool = False) -> Column[str]:
    return Column("project_id", ForeignKey("projects.id", ondelete="CASCADE"), nullable=nullable, index=True)


projects = Table(
    "projects",
    instance_metadata,
    *resource(),
    text("name"),
    text("team_id"),  # of the console project: the team that owns the project; empty: only the operator does
    text("region", "default"),
    text("status", "active"),
    json("settings", dict),  # tidewire.core.project_settings.ProjectSettings
    json("labels", list),
    number("ping_count"),
    time("pinged_at"),
    time("console_accessed_at"),
    json("onboarding", dict),  # stages that are over, by id (tidewire.core.onboarding)
    text("search"),  # id and name in lower case
    Index(None, "team_id"),
)

platforms = Table(
    "platforms",
    instance_metadata,
    sequence(),
    Column("id", String(ID_LENGTH), nullable=False),
    *created(),
    _of_project(),
    Column("type", String(32), nullable=False),
    text("name"),
    text("hostname"),
    text("key"),
    UniqueConstraint("project_id", "id"),
)

keys = Table(
    "keys",
    instance_metadata,
    sequence(),
    Column("id", String(ID_LENGTH), nullable=False),
    *created(),
    Column("type", String(16), nullable=False, default="standard", server_default="standard"),
    _of_project(nullable=True),  # of a standard key
    text("team_id"),  # of an organization key
    text("user_id"),  # of an account key
    text("name"),
    Column("secret_hash", String(HASH_LENGTH), nullable=False, unique=True),  # hex SHA-256
    json("scopes", list),
    time("expires_at"),  # 0: never
    time("accessed_at"),
    json("sdks", list),
    UniqueConstraint("project_id", "team_id", "user_id", "id"),
    Index(None, "team_id"),
    Index(None, "user_id"),
)
"""API keys, of types ``standard``, ``organization`` and ``account``."""

dev_keys = Table(
    "dev_keys",
    instance_metadata,
    sequence(),
    Column("id", String(ID_LENGTH), nullable=False),
    *created(),
    _of_project(),
    text("name"),
    Column("secret_hash", String(HASH_LENGTH), nullable=False, unique=True),  # hex SHA-256
    Column("secret", Text, nullable=False),  # sealed: people may look it up
    Column("expires_at", Milliseconds, nullable=False),
    time("accessed_at"),
    json("sdks", list),
    UniqueConstraint("project_id", "id"),
)
"""Keys with which programs under development call without registered platforms and limits."""

rules = Table(
    "rules",
    instance_metadata,
    *resource(),
    _of_project(),
    Column("domain", String(253), nullable=False, unique=True),  # in lower case; of one project alone
    Column("type", String(16), nullable=False),  # api, deployment or redirect
    text("trigger", "manual"),
    text("deployment_id"),  # the active one of the function
    text("deployment_resource_type"),  # function; empty for the API
    text("deployment_resource_id"),
    text("deployment_vcs_provider_branch"),
    Column("status", String(16), nullable=False, default="unverified", server_default="unverified"),
    text("logs"),  # why it is not verified
    text("redirect_url"),
    number("redirect_status_code", 301),
)
"""Domains that lead to the API of a project, to one of its functions, or elsewhere."""

pending_events = Table(
    "pending_events",
    instance_metadata,
    sequence(),
    _of_project(),
    Column("epoch", String(16), nullable=False),  # of the console project's log
    Column("event", Text, nullable=False),  # tidewire.core.events.Event as JSON
    # A number must not be given again after its row was deleted: logs note how far they were relayed to.
    sqlite_autoincrement=True,
)
"""Events that are not yet in the logs of their projects (tidewire.store.records.pending_events)."""
