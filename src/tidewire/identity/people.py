"""People: who a session or a JWT belongs to, what they are to a project, and whom they act as."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from tidewire.core.errors import TidewireError
from tidewire.core.identities import Identity
from tidewire.core.project_roles import roles_on
from tidewire.identity.credentials import Impersonated
from tidewire.store.caches.identity_cache import IdentityCache
from tidewire.store.instance.instance import Project, ProjectStore
from tidewire.store.records.identities import find_user_id
from tidewire.store.secrets.credentials import InvalidJwtError


async def find_person(identities: IdentityCache, session: str, jwt: str) -> Identity | None:
    """The user of an encoded session or of a JWT.

    None without either, for a session that is not valid, and for a JWT whose session has ended. Raises
    :class:`TidewireError` ``user_jwt_invalid`` for a JWT that is broken or has expired, and
    ``user_jwt_and_cookie_set`` for a JWT beside a valid session.
    """
    identity = await identities.by_session(session) if session else None
    if not jwt:
        return identity
    if identity is not None:
        raise TidewireError("user_jwt_and_cookie_set", "Send either a session or a JWT, not both.")
    try:
        return await identities.by_jwt(jwt)
    except InvalidJwtError:
        raise jwt_invalid() from None


def jwt_invalid() -> TidewireError:
    """The refusal of a JWT that shows nobody."""
    return TidewireError(
        "user_jwt_invalid", "The JWT is not valid: it is broken, has expired, or its session ended."
    )


def admin_roles(identity: Identity, project: Project) -> list[str] | None:
    """The roles on a project of a console user; None for those who are not in the team that owns it.

    The team is looked for by its id among the confirmed memberships; ids of users say nothing here, since
    they are the clients' choice in every project.
    """
    if not project.team_id:
        return None
    for membership in identity.memberships:
        if membership.confirmed and membership.team_id == project.team_id:
            return roles_on(membership.roles, project.id)
    return None


async def find_impersonated(store: ProjectStore, wanted: Impersonated) -> Identity | None:
    """The user that somebody wants to act as; None if they name none, or nobody who exists."""
    user_id: str | None = wanted.user_id
    if not user_id and wanted:
        user_id = await store.database.read(
            lambda connection: find_user_id(connection, email=wanted.email.lower(), phone=wanted.phone)
        )
    return await store.identities.by_id(user_id) if user_id else None


def in_place_of(target: Identity, impersonator: Identity) -> Identity:
    """The target, without a session of their own, as ``impersonator`` acts as them."""
    account = msgspec.structs.replace(target.account, impersonator_user_id=impersonator.user_id)
    return replace(target, account=account)
