"""Who a caller or a connection is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tidewire.core.models import Account
from tidewire.core.roles import Membership

CallerKind = Literal["guest", "user", "key", "admin"]


@dataclass(frozen=True)
class Identity:
    """A signed-in user with the roles that permissions are checked against."""

    account: Account
    session_id: str
    """Empty when the login did not come from a session."""
    session_expires: int
    """Milliseconds since the epoch; 0 when ``session_id`` is empty."""
    roles: tuple[str, ...]
    """Without ``any``, in the order in which Appwrite lists them."""
    memberships: tuple[Membership, ...] = ()
    """Teams that the user is in or invited to, the oldest first."""
    factors: tuple[str, ...] = ()
    """How the user proved to be that user, by different means: ``password``, ``totp`` and so on."""
    mfa_updated_at: int = 0
    """When the session last showed a second factor, milliseconds since the epoch; 0: never."""
    has_authenticator: bool = False
    """Whether the user has a verified authenticator app."""

    @property
    def user_id(self) -> str:
        return self.account.id


@dataclass(frozen=True)
class Caller:
    """Who makes a request, and what that lets them do."""

    kind: CallerKind
    identity: Identity | None
    """Set for kind ``user``, and for kind ``admin``, where it is a user of the console project."""
    roles: tuple[str, ...]
    """All roles held in the request, ``any`` included."""
    scopes: frozenset[str] = field(default=frozenset())
    by_jwt: bool = False
    impersonator: Identity | None = None
    """The user who acts as ``identity``; None if that is the user in person."""
    organization_id: str = ""
    """Team of the console project that the request is about: that of an organization key, or one that was
    named and that the user is a member of."""
    by_dev_key: bool = False
    """A developer at work, who shows a dev key: origins, redirects and rates are not checked."""

    unknown_key: bool = False
    """A guest who shows an API key that does not exist, or not in this project."""

    @property
    def bypasses_permissions(self) -> bool:
        """API keys and privileged people act without permission checks; scopes still apply."""
        return self.kind in {"key", "admin"}

    @property
    def user_id(self) -> str:
        """Empty for guests and API keys."""
        return self.identity.user_id if self.identity else ""
