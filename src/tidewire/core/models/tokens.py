"""Models of one-time secrets."""

from __future__ import annotations

from tidewire.core.models.base import Model, system


class Token(Model, frozen=True, kw_only=True):
    """A secret that was sent to a user or handed to a server, to be shown once."""

    id: str = system("id")
    created_at: str = system("createdAt")
    user_id: str
    secret: str
    """Empty unless the caller may see it (API key)."""
    expire: str
    phrase: str
    """What the mail with the secret says too, if it was asked for."""
