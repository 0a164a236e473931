"""Models of the accounts that users have elsewhere and sign in with."""

from __future__ import annotations

from tidewire.core.models.base import Model, system


class Identity(Model, frozen=True, kw_only=True):
    """An account of a user at a provider."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    user_id: str
    provider: str
    provider_uid: str
    provider_email: str
    provider_access_token: str
    provider_access_token_expiry: str
    provider_refresh_token: str


class IdentityList(Model, frozen=True, kw_only=True):
    """Identities of users."""

    total: int
    identities: list[Identity]
