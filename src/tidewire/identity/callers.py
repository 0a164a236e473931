"""Who makes a request: a guest, a user by session or JWT, an owner of the project, or a program by key."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller, Identity
from tidewire.core.project_roles import base_role
from tidewire.core.roles import GUEST_ROLES
from tidewire.core.scopes import (
    ACCOUNT_KEY_SCOPES,
    CONSOLE_SCOPES,
    ORGANIZATION_KEY_SCOPES,
    ROLE_SCOPES,
    TEAM_ROLES,
)
from tidewire.identity.credentials import (
    NO_PARAMETERS,
    Credentials,
    read_credentials,
    read_impersonated,
    read_parameters,
)
from tidewire.identity.heads import Head
from tidewire.identity.keys import find_console_key, find_owner, find_project_key
from tidewire.identity.people import admin_roles, find_impersonated, find_person, in_place_of, jwt_invalid
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Instance, ProjectStore
from tidewire.store.records.api_keys import ApiKey
from tidewire.store.records.projects import project_not_found

GUEST: Final = Caller("guest", None, ("any", *GUEST_ROLES), ROLE_SCOPES["guests"])
_WITH_UNKNOWN_KEY: Final = replace(GUEST, unknown_key=True)
_KEY_ROLES: Final = ("any", "keys")
_ADMIN_SCOPES: Final = frozenset({"teams.read", "projects.read"})
"""What everybody may who acts as an admin of a project."""
_IMPERSONATOR_SCOPES: Final = frozenset({"users.read"})
_SDK_NAME: Final = re.compile(r"[A-Za-z0-9 ._-]{1,32}")


async def identify(
    head: Head, query_string: bytes, instance: Instance, store: ProjectStore, *, admin: bool
) -> Caller:
    """Find out who makes a request, by all the credentials that it carries.

    A session or key that is not valid, or no longer, counts as absent; a broken JWT and an expired key are
    refused, as is a JWT beside a session. A key counts before a session or a JWT, except for the key of an
    account, which is refused beside them. ``admin``: people sign in with the console's
    session and act on the project as members of the team that owns it; raises ``project_not_found`` for
    those who are not.
    """
    console = instance.console if admin else None
    people = console or store
    shown = read_credentials(head, people.project.id)
    if shown.key:
        return await _by_key(head, instance, store, people, shown)
    identity = await _person(people, shown) if shown.session or shown.jwt else None
    if identity is None:
        return GUEST
    if console is not None:
        return _as_admin(identity, store)
    return await _as_user(head, query_string, store, identity, by_jwt=bool(shown.jwt))


def sdk_of(head: Head) -> str:
    """The name of the SDK that sent the request; empty if it names none."""
    name = head.header(b"x-sdk-name")
    return name if _SDK_NAME.fullmatch(name) else ""


async def _person(people: ProjectStore, shown: Credentials) -> Identity | None:
    """Who shows a session or a JWT. The JWT of an ended session is refused: a connection is a guest."""
    person = await find_person(people.identities, shown.session, shown.jwt)
    if person is None and shown.jwt:
        raise jwt_invalid()
    return person


async def _by_key(
    head: Head, instance: Instance, store: ProjectStore, people: ProjectStore, shown: Credentials
) -> Caller:
    """Who shows a key, whatever they show beside it."""
    in_console = store.project.id == CONSOLE_PROJECT_ID
    if in_console:
        key = await find_console_key(instance, shown.key)
    else:
        key = await find_project_key(instance, store.project.id, shown.key)
    caller = _WITH_UNKNOWN_KEY if key is None else await _with_key(head, store, key)
    if key is not None and key.id and caller is not _WITH_UNKNOWN_KEY:
        instance.keys.note_access(key, sdk_of(head))
    of_account = caller.kind == "user"
    beside = await _person(people, shown) if shown.jwt or of_account else None
    if of_account and beside is not None:
        message = "Send either the API key of an account or a session or JWT, not both."
        raise TidewireError("user_api_key_and_session_set", message)
    return caller


async def _with_key(head: Head, store: ProjectStore, key: ApiKey) -> Caller:
    if key.type == "organization":
        return _as_organization(head, key)
    if key.type == "account":
        return await _as_account(head, store, key)
    return Caller("key", None, _KEY_ROLES, key.scopes | ROLE_SCOPES["keys"])


def _as_organization(head: Head, key: ApiKey) -> Caller:
    named = head.header(b"x-appwrite-organization")
    if named and named != key.team_id:
        message = (
            "A key of an organisation is for that one only: name it in X-Appwrite-Organization, or none."
        )
        raise TidewireError("organization_id_missing", message)
    scopes = ORGANIZATION_KEY_SCOPES & key.scopes
    return Caller("key", None, _KEY_ROLES, scopes | ROLE_SCOPES["keys"], organization_id=key.team_id)


async def _as_account(head: Head, store: ProjectStore, key: ApiKey) -> Caller:
    named = head.header(b"x-appwrite-user")
    if not named:
        raise TidewireError(
            "user_id_missing", "A key of an account needs the id of its user in the header X-Appwrite-User."
        )
    identity = await find_owner(store, key, named)
    if identity is None:
        return _WITH_UNKNOWN_KEY
    return Caller("user", identity, ("any", *identity.roles), ACCOUNT_KEY_SCOPES & key.scopes)


def _as_admin(identity: Identity, store: ProjectStore) -> Caller:
    """A console user who acts on a project of a team."""
    held = admin_roles(identity, store.project)
    if held is None:
        raise project_not_found()
    scopes = _ADMIN_SCOPES.union(*(ROLE_SCOPES[role] for role in held))
    # Not the roles of the user: in the project they would be those of whoever has the same id there.
    return Caller("admin", identity, ("any", *held), scopes)


async def _as_user(
    head: Head, query_string: bytes, store: ProjectStore, identity: Identity, *, by_jwt: bool
) -> Caller:
    """A user of the project, maybe in the place of another."""
    scopes = ROLE_SCOPES["users"]
    impersonator = None
    if identity.account.impersonator:
        scopes |= _IMPERSONATOR_SCOPES
        in_query = b"mpersonate" in query_string
        parameters = read_parameters(query_string.decode("latin-1")) if in_query else NO_PARAMETERS
        target = await find_impersonated(store, read_impersonated(head, parameters))
        if target is not None:
            identity, impersonator = in_place_of(target, identity), identity
    organization_id = ""
    if store.project.id == CONSOLE_PROJECT_ID:
        scopes |= CONSOLE_SCOPES & _team_scopes(identity)
        organization_id = _organization(head, identity)
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


def _organization(head: Head, identity: Identity) -> str:
    """The team that the request names, if the user is a member of it."""
    named = head.header(b"x-appwrite-organization")
    teams = {each.team_id for each in identity.memberships if each.confirmed}
    return named if named in teams else ""
