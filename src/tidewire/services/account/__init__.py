"""The account service: users manage themselves and their sessions."""

from __future__ import annotations

from tidewire.services.account import (
    identities,
    logs,
    mfa,
    mfa_challenges,
    recovery,
    sessions,
    sign_in_tokens,
    targets,
    token_sessions,
    tokens,
    updates,
    users,
    verification,
)
from tidewire.services.account.declared import operations

__all__ = [
    "identities",
    "logs",
    "mfa",
    "mfa_challenges",
    "operations",
    "recovery",
    "sessions",
    "sign_in_tokens",
    "targets",
    "token_sessions",
    "tokens",
    "updates",
    "users",
    "verification",
]
