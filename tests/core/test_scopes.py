"""Scopes of roles and API keys."""

from __future__ import annotations

from tests.vectors import load
from tidewire.core.scopes import DEPRECATED_KEY_SCOPES, EXTENSION_SCOPES, PROJECT_KEY_SCOPES, ROLE_SCOPES


def test_scopes_of_roles() -> None:
    roles = load("role_scopes")["roles"]
    assert {role: set(scopes - EXTENSION_SCOPES) for role, scopes in ROLE_SCOPES.items()} == {
        role: set(entry["scopes"]) for role, entry in roles.items()
    }


def test_scopes_of_keys() -> None:
    project = load("key_scopes")["project"]
    assert set(project) == PROJECT_KEY_SCOPES - EXTENSION_SCOPES
    assert {scope for scope, entry in project.items() if entry.get("deprecated")} == DEPRECATED_KEY_SCOPES


def test_guests_can_do_less_than_users_and_users_less_than_owners() -> None:
    assert ROLE_SCOPES["guests"] < ROLE_SCOPES["users"] < ROLE_SCOPES["owner"]
    assert not ROLE_SCOPES["guests"] & {"presences.read", "presences.write", "account", "buckets.write"}
