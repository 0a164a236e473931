"""Tables of users, how they sign in, and the teams they are in."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, Table, Text, UniqueConstraint

from tidewire.store.schema.columns import (
    HASH_LENGTH,
    ID_LENGTH,
    Milliseconds,
    client,
    flag,
    json,
    number,
    project_metadata,
    resource,
    sequence,
    text,
    time,
)


def _of_user() -> Column[str]:
    return Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False)


users = Table(
    "users",
    project_metadata,
    *resource(),
    text("name"),
    Column("email", String(320), unique=True, nullable=True),  # lower case; NULL: none
    Column("phone", String(16), unique=True, nullable=True),
    Column("password_hash", Text, nullable=True),  # as text in the form of `hash`; NULL: no password
    text("hash"),  # argon2, bcrypt, md5, sha, phpass, scrypt or scryptMod; empty without a password
    json("hash_options", dict),  # parameters of hashes that do not carry them in their text
    json("password_history", list),  # earlier values of password_hash, the newest last
    time("password_updated_at"),
    flag("email_verification", False),
    flag("phone_verification", False),
    Column("email_canonical", String(320), nullable=True),
    Column("email_is_free", Boolean, nullable=True),
    Column("email_is_disposable", Boolean, nullable=True),
    Column("email_is_corporate", Boolean, nullable=True),
    Column("email_is_canonical", Boolean, nullable=True),
    flag("status", True),  # false: blocked
    flag("mfa", False),
    json("labels", list),
    json("prefs", dict),
    time("registered_at"),
    time("accessed_at"),
    flag("impersonator", False),
    json("mfa_recovery_codes", list),  # each unused code, sealed: the API shows them again
    text("search"),  # id, name, email, phone and labels in lower case (tidewire.store.lists.search)
)

sessions = Table(
    "sessions",
    project_metadata,
    *resource(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("secret_hash", String(64), nullable=False),  # hex SHA-256
    Column("expires_at", Milliseconds, nullable=False, index=True),
    text("provider"),
    text("provider_uid"),
    text("provider_access_token"),
    time("provider_access_token_expires_at"),
    text("provider_refresh_token"),
    *client(),
    json("factors", list),
    time("mfa_updated_at"),
    Index(None, "user_id", "secret_hash"),
)

teams = Table(
    "teams",
    project_metadata,
    *resource(),
    json("permissions", list),  # fixed by the server
    text("name"),
    number("total"),  # confirmed members
    json("prefs", dict),
    text("search"),  # id and name in lower case
)

memberships = Table(
    "memberships",
    project_metadata,
    *resource(),
    json("permissions", list),  # fixed by the server
    Column("team_id", ForeignKey("teams.id", ondelete="CASCADE"), nullable=False),
    _of_user(),
    json("roles", list),
    time("invited_at"),
    text("invited_address"),  # that whoever invited gave: e-mail or phone; empty if they gave the user's id
    time("joined_at"),
    flag("confirmed", False),
    text(
        "secret_hash"
    ),  # hex SHA-256 of the invitation's secret, kept when it was accepted; empty: none was sent
    text("search"),  # ids of membership and user in lower case
    UniqueConstraint("team_id", "user_id"),
    Index(None, "user_id"),
)

targets = Table(
    "targets",
    project_metadata,
    *resource(),
    _of_user(),
    Column("session_id", ForeignKey("sessions.id", ondelete="SET NULL"), nullable=True),
    text("name"),
    Column("provider_id", String(ID_LENGTH), nullable=True),
    Column("provider_type", String(16), nullable=False),  # email, sms or push
    Column("identifier", Text, nullable=False, unique=True),  # address, phone number or device token
    flag("expired", False),
    Index(None, "user_id"),
    Index(None, "session_id"),
)
"""Targets: where users can be reached."""

user_identities = Table(
    "user_identities",
    project_metadata,
    *resource(),
    _of_user(),
    Column("provider", String(64), nullable=False),
    text("provider_uid"),
    text("provider_email"),
    text("access_token"),
    time("access_token_expires_at"),
    text("refresh_token"),
    UniqueConstraint("provider", "provider_uid"),
    Index(None, "user_id"),
)
"""Accounts that users have elsewhere and sign in with."""

tokens = Table(
    "tokens",
    project_metadata,
    *resource(),
    _of_user(),
    Column("type", String(32), nullable=False),  # verification, recovery, magic-url, email, phone, ...
    Column("secret_hash", String(HASH_LENGTH), nullable=False),  # hex HMAC-SHA-256
    Column("expires_at", Milliseconds, nullable=False, index=True),
    number("attempts"),  # wrong secrets shown
    text("ip"),
    text("user_agent"),
    Index(None, "user_id", "type"),
)
"""One-time secrets that were sent to users or handed to servers."""

oauth2_attempts = Table(
    "oauth2_attempts",
    project_metadata,
    sequence(),
    Column("state_hash", String(64), nullable=False, unique=True),  # hex SHA-256
    Column("sealed", Text, nullable=False),  # what the sign-in is for, and what its answer must fit
    Column("expires_at", Milliseconds, nullable=False, index=True),
)
"""Sign-ins at other providers that are under way (:mod:`tidewire.store.records.oauth2_attempts`)."""

authenticators = Table(
    "authenticators",
    project_metadata,
    *resource(),
    _of_user(),
    Column("type", String(16), nullable=False),  # totp
    flag("verified", False),
    Column("secret", Text, nullable=False),  # sealed (tidewire.store.secrets.encryption)
    number("last_step"),  # time step of the newest code that was accepted: no code counts twice
    UniqueConstraint("user_id", "type"),
)

challenges = Table(
    "challenges",
    project_metadata,
    *resource(),
    _of_user(),
    text("session_id"),
    Column("type", String(16), nullable=False),  # totp, email, phone or recoveryCode
    text("code"),  # that was sent, sealed: the API shows it to servers; empty where none is
    Column("expires_at", Milliseconds, nullable=False, index=True),
    number("attempts"),
    Index(None, "user_id"),
)
"""Second factors that users were asked for."""

notifications = Table(
    "notifications",
    project_metadata,
    *resource(),
    _of_user(),
    Column("message_id", String(ID_LENGTH), nullable=False),  # the same for all who are notified of it
    Column("project_id", String(ID_LENGTH), nullable=False, index=True),
    text("type"),  # warning, info
    text("channel", "console"),
    text("resource_type", "users"),
    text("parent_resource_type", "projects"),
    text("parent_resource_id"),
    text("title"),
    text("body"),
    flag("read", False),
    time("first_seen_at"),
    time("last_seen_at"),
    Index(None, "user_id"),
    Index(None, "created_at"),
)
"""What people of the console are notified of; only in the instance's database there are any."""

audit_log = Table(
    "audit_log",
    project_metadata,
    sequence(),
    Column("user_id", String(ID_LENGTH), nullable=False),  # stays when the user is deleted
    Column("event", Text, nullable=False),
    Column("time", Milliseconds, nullable=False, index=True),
    *client(),
    Index(None, "user_id", "time"),
)
"""What users did; kept for as long as events are."""
