"""Identities: the user that a caller or a connection acts as."""

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
    """The session that was shown; empty if the login did not come from one."""
    session_expires: int
    """Milliseconds since the epoch; 0 when ``session_id`` is empty."""
    roles: tuple[str, ...]
    """All roles but ``any``, in the order in which Appwrite lists them."""
    memberships: tuple[Membership, ...] = ()
    """Teams that the user is in or invited to, the oldest first."""
    factors: tuple[str, ...] = ()
    """How the user proved to be that user, by different means: ``password``, ``totp`` and so on."""
    mfa_updated_at: int = 0
    """The time at which the session last showed a second factor, in milliseconds since the epoch; 0 if it
    never did."""
    has_authenticator: bool = False
    """Whether the user has a verified authenticator app."""

    @property
    def user_id(self) -> str:
        return self.account.id


@dataclass(frozen=True)
class Caller:
    """The caller of an operation, and what it may do."""

    kind: CallerKind
    identity: Identity | None
    """The user who calls. It is set for the kind ``user``, and for ``admin``, where it is a user of the
    console project."""
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
    """Whether a dev key was shown: then origins, redirects and rates are not checked."""

    unknown_key: bool = False
    """Whether an API key was shown that does not exist, or belongs to another project. The caller is a guest
    then."""

    @property
    def bypasses_permissions(self) -> bool:
        """API keys and privileged people act without permission checks; scopes still apply."""
        return self.kind in {"key", "admin"}

    @property
    def user_id(self) -> str:
        """The id of the user; empty for guests and API keys."""
        return self.identity.user_id if self.identity else ""
