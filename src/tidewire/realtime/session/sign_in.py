"""Signing in: which user or program a new connection belongs to, by the credentials that it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tidewire.core.identities import Identity
from tidewire.core.second_factors import second_factor_missing
from tidewire.identity.keys import find_console_key, find_owner
from tidewire.identity.people import admin_roles, find_impersonated, find_person, in_place_of
from tidewire.realtime.hub.hub import Hub
from tidewire.realtime.protocol.errors import (
    POLICY_VIOLATION,
    UNKNOWN_PROJECT,
    MessageError,
    refused_as_by_rest,
)
from tidewire.realtime.protocol.request import CONSOLE, Inputs
from tidewire.realtime.roles.api_keys import SCOPE
from tidewire.store.instance.instance import Instance, ProjectStore
from tidewire.store.records.api_keys import ApiKey

_FORBIDDEN: Final = 403


@dataclass(frozen=True, slots=True)
class Visitor:
    """The sender of a connection's opening request."""

    identity: Identity | None
    """The user that the connection belongs to; None for a guest."""
    impersonator: Identity | None = None
    """The user who acts as this one; None: nobody does."""
    admin: bool = False
    """Whether it is a user of the console, who acts as a member of the team that owns the project."""
    by_dev_key: bool = False
    """Whether a developer key was shown: the origin of the page is not checked then."""
    key: ApiKey | None = None
    """The API key of a program, which gets every event of the project."""
    awaited: Identity | None = None
    """The user of a session that lacks its second factor; the connection is a guest's until it is shown."""

    @property
    def user_id(self) -> str:
        """The user that the connection is, or may become; empty for a mere guest."""
        identity = self.identity or self.awaited
        return identity.user_id if identity else ""

    @property
    def user_ids(self) -> set[str]:
        """The users whose rights the connection depends on."""
        return {each.user_id for each in (self.identity, self.awaited, self.impersonator) if each is not None}


async def sign_in(instance: Instance, store: ProjectStore, hub: Hub, inputs: Inputs) -> Visitor:
    """Look up who it is. Raises :class:`MessageError` if what it shows is refused."""
    admin = inputs.admin and store.project.id != CONSOLE
    people = await instance.project(CONSOLE) if admin else store
    assert people is not None, "there always is a console project"
    key = None if admin else await _api_key(hub, inputs)
    if key is not None:
        return Visitor(None, key=key)
    shown = await hub.identify(lambda: _person(instance, people, inputs))
    lacking = shown is not None and second_factor_missing(shown, people.project.settings.mfa_factors)
    own = None if lacking else shown
    as_admin = admin and own is not None
    if admin and own is not None and admin_roles(own, store.project) is None:
        # Ids of users are the clients' choice in every project: a stranger may have any.
        raise MessageError(POLICY_VIOLATION, UNKNOWN_PROJECT, explanation="There is no such project.")
    if "websocket" in store.project.settings.disabled_protocols and not as_admin:
        raise MessageError(_FORBIDDEN, "Realtime is switched off for this project.")
    by_dev_key = (
        bool(inputs.dev_key) and await instance.keys.dev_key(store.project.id, inputs.dev_key) is not None
    )
    if lacking and not admin and not inputs.impersonated:
        return Visitor(None, by_dev_key=by_dev_key, awaited=shown)
    if as_admin or own is None or not own.account.impersonator or not own.account.status:
        return Visitor(own, admin=as_admin, by_dev_key=by_dev_key)
    target = await hub.identify(lambda: find_impersonated(store, inputs.impersonated))
    if target is None:
        return Visitor(own, by_dev_key=by_dev_key)
    return Visitor(in_place_of(target, own), impersonator=own, by_dev_key=by_dev_key)


async def _api_key(hub: Hub, inputs: Inputs) -> ApiKey | None:
    """The key of a program; any other key of the project makes a guest."""
    if not inputs.key or hub.api_keys is None:
        return None
    key = await hub.api_keys.find(inputs.key)
    return key if key is not None and SCOPE in key.scopes else None


async def _person(instance: Instance, people: ProjectStore, inputs: Inputs) -> Identity | None:
    """The user of the session, the JWT or the account key; a session that is not valid makes a guest."""
    with refused_as_by_rest():
        person = await find_person(people.identities, inputs.session, inputs.jwt)
        if inputs.jwt or inputs.project_id != CONSOLE or not (inputs.key and inputs.key_user):
            return person
        key = await find_console_key(instance, inputs.key)
    owner = await find_owner(people, key, inputs.key_user) if key is not None and key.user_id else None
    if owner is not None and person is not None:
        raise MessageError(_FORBIDDEN, "Send either a session or an account key, not both.")
    return owner or person
