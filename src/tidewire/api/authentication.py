"""Who makes a request: a guest, a user by session or JWT, an owner of the project, or a program by key."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from tidewire.api.key_authentication import identify_key
from tidewire.api.requests import Request
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller, Identity
from tidewire.core.project_roles import base_role, roles_on
from tidewire.core.roles import GUEST_ROLES
from tidewire.core.scopes import CONSOLE_SCOPES, ROLE_SCOPES, TEAM_ROLES
from tidewire.identity.credentials import (
    NO_PARAMETERS,
    Credentials,
    read_credentials,
    read_impersonated,
    read_parameters,
)
from tidewire.store.instance.platform import CONSOLE_PROJECT_ID, ProjectStore, Stores
from tidewire.store.records.identities import find_user_id
from tidewire.store.records.projects import project_not_found
from tidewire.store.secrets.credentials import InvalidJwtError

GUEST: Final = Caller("guest", None, ("any", *GUEST_ROLES), ROLE_SCOPES["guests"])
_WITH_UNKNOWN_KEY: Final = replace(GUEST, unknown_key=True)
_ADMIN_SCOPES: Final = frozenset({"teams.read", "projects.read"})
"""What everybody may who acts as an admin of a project."""
_IMPERSONATOR_SCOPES: Final = frozenset({"users.read"})


async def identify(request: Request, stores: Stores, store: ProjectStore, *, admin: bool) -> Caller:
    """Find out who makes the request, by all the credentials that it carries.

    A session or key that is not valid, or no longer, counts as absent; a broken JWT and an expired key are
    refused, as is a JWT beside a session. A key counts before a session or a JWT, except for the key of an
    account, which is refused beside them. ``admin``: people sign in with the console's
    session and act on the project as members of the team that owns it; raises ``project_not_found`` for
    those who are not.
    """
    console = await stores.project(CONSOLE_PROJECT_ID) if admin else None
    people = console or store
    shown = read_credentials(request, people.project.id)
    if shown.key:
        return await _by_key(request, stores, store, people, shown)
    identity = await _identity(people, shown)
    if identity is None:
        return GUEST
    if console is not None:
        return _as_admin(identity, store)
    return await _as_user(request, store, identity, by_jwt=bool(shown.jwt))


async def _by_key(
    request: Request, stores: Stores, store: ProjectStore, people: ProjectStore, shown: Credentials
) -> Caller:
    """Who shows a key, whatever they show beside it."""
    caller = await identify_key(request, stores, store, shown.key) or _WITH_UNKNOWN_KEY
    of_account = caller.kind == "user"
    beside = await _identity(people, shown) if shown.jwt or of_account else None
    if of_account and beside is not None:
        message = "Send either the API key of an account or a session or JWT, not both."
        raise TidewireError("user_api_key_and_session_set", message)
    return caller


async def _identity(store: ProjectStore, shown: Credentials) -> Identity | None:
    identity = await store.identities.by_session(shown.session) if shown.session else None
    if not shown.jwt:
        return identity
    if identity is not None:
        raise TidewireError("user_jwt_and_cookie_set", "Send either a session or a JWT, not both.")
    try:
        identity = await store.identities.by_jwt(shown.jwt)
    except InvalidJwtError:
        identity = None
    if identity is None:
        raise TidewireError(
            "user_jwt_invalid", "The JWT is not valid: it is broken, has expired, or its session ended."
        )
    return identity


def _as_admin(identity: Identity, store: ProjectStore) -> Caller:
    """A console user who acts on a project of a team."""
    team_id = store.project.team_id
    roles = next(
        (each.roles for each in identity.memberships if each.confirmed and each.team_id == team_id), None
    )
    if not team_id or roles is None:
        raise project_not_found()
    held = roles_on(roles, store.project.id)
    if held is None:
        raise project_not_found()
    scopes = _ADMIN_SCOPES.union(*(ROLE_SCOPES[role] for role in held))
    # Not the roles of the user: in the project they would be those of whoever has the same id there.
    return Caller("admin", identity, ("any", *held), scopes)


async def _as_user(request: Request, store: ProjectStore, identity: Identity, *, by_jwt: bool) -> Caller:
    """A user of the project, maybe in the place of another."""
    scopes = ROLE_SCOPES["users"]
    impersonator = None
    if identity.account.impersonator:
        scopes |= _IMPERSONATOR_SCOPES
        target = await _impersonated(request, store)
        if target is not None:
            identity, impersonator = _in_place_of(target, identity), identity
    organization_id = ""
    if store.project.id == CONSOLE_PROJECT_ID:
        scopes |= CONSOLE_SCOPES & _team_scopes(identity)
        organization_id = _organization(request, identity)
    return Caller(
        "user",
        identity,
        ("any", *identity.roles),
        scopes,
        by_jwt=by_jwt,
        impersonator=impersonator,
        organization_id=organization_id,
    )


def _team_scopes(identity: Identity) -> frozenset[str]:
    """What the roles in all teams of a console user give together."""
    held = {base_role(role) for each in identity.memberships if each.confirmed for role in each.roles}
    return frozenset().union(*(ROLE_SCOPES[role] for role in TEAM_ROLES if role in held))


def _organization(request: Request, identity: Identity) -> str:
    """The team that the request names, if the user is a member of it."""
    named = request.header(b"x-appwrite-organization")
    teams = {each.team_id for each in identity.memberships if each.confirmed}
    return named if named in teams else ""


async def _impersonated(request: Request, store: ProjectStore) -> Identity | None:
    """The user that the request is to be made as; None if it names none, or nobody who exists."""
    in_query = b"mpersonate" in request.query_string
    parameters = read_parameters(request.query_string.decode("latin-1")) if in_query else NO_PARAMETERS
    wanted = read_impersonated(request, parameters)
    user_id = wanted.user_id
    if not user_id and wanted:
        found = await store.database.read(
            lambda connection: find_user_id(connection, email=wanted.email.lower(), phone=wanted.phone)
        )
        user_id = found or ""
    return await store.identities.by_id(user_id) if user_id else None


def _in_place_of(target: Identity, impersonator: Identity) -> Identity:
    """The target as somebody without a session of their own."""
    account = msgspec.structs.replace(target.account, impersonator_user_id=impersonator.user_id)
    return replace(target, account=account)
