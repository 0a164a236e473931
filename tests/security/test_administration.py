"""Attempts to manage what belongs to others: admin mode, older paths, roles, switches, pages, dev keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, update

from tests.security.conftest import Organization, Person, World, by_both_protocols, fresh
from tidewire.core.time import now
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Project
from tidewire.store.records.dev_keys import insert_dev_key
from tidewire.store.schema import memberships

UNAUTHORIZED = (401, "general_unauthorized_scope")
OTHER_PROJECT = (401, "user_unauthorized")
"""The path names one project, the header another."""
NO_PROJECT = (404, "project_not_found")


def _join(world: World, organization: Organization, roles: list[str], *, confirmed: bool = True) -> Person:
    """A further member of a team of the console."""
    person = world.person(CONSOLE_PROJECT_ID)
    row = {
        "id": fresh("m"),
        "team_id": organization.team_id,
        "user_id": person.user_id,
        "roles": roles,
        "confirmed": confirmed,
        "created_at": now(),
        "updated_at": now(),
    }
    world.change(CONSOLE_PROJECT_ID, memberships.insert().values(row))
    return person


def _change_settings(world: World, project_id: str, **settings: Any) -> None:
    def change(project: Project) -> Project:
        return replace(project, settings=msgspec.structs.replace(project.settings, **settings))

    world.api.run(lambda: world.api.instance.update_project(project_id, change))


@by_both_protocols
def test_admins_are_members_of_the_team_that_owns_the_project(
    world: World, own: Organization, other: Organization
) -> None:
    assert world.admin(own.owner, own.project_id)("GET", "/users").status_code == 200
    strangers = {
        "an owner of another team": own.owner,
        "somebody without a team": world.person(CONSOLE_PROJECT_ID),
        "somebody invited": _join(world, other, ["owner"], confirmed=False),
        "the owner of a team of the same name": _owner_of_team_like(world, other),
    }
    for name, person in strangers.items():
        call = world.admin(person, other.project_id)
        for method, path in (("GET", "/users"), ("GET", "/project"), ("DELETE", "/project")):
            assert call.error(method, path) == NO_PROJECT, (name, path)
        assert call.error("GET", "/users", X_Appwrite_Project="missing") == NO_PROJECT
    assert world.guest(other.project_id).error("GET", "/users", X_Appwrite_Mode="admin") == UNAUTHORIZED


def _owner_of_team_like(world: World, organization: Organization) -> Person:
    person = world.person(CONSOLE_PROJECT_ID)
    name = {"teamId": fresh(organization.team_id), "name": organization.team_id}
    assert person.call("POST", "/teams", name).status_code == 201
    return person


@by_both_protocols
def test_teams_within_a_project_give_nothing_over_it(world: World, other: Organization) -> None:
    """A user of the project founds a team there, with the id and roles of the team that owns the project."""
    user = world.person(other.project_id)
    body = {"teamId": other.team_id, "name": "Team", "roles": ["owner", "developer", "admin"]}
    assert user.call("POST", "/teams", body).status_code == 201
    assert user.call.error("GET", "/users") == UNAUTHORIZED
    assert user.call.error("GET", "/project") == UNAUTHORIZED
    for session in (f"a_session_console={user.session}", user.cookie):
        headers = {"X_Appwrite_Mode": "admin", "Cookie": session}
        assert world.guest(other.project_id).error("GET", "/users", **headers) == UNAUTHORIZED
        headers = {"X_Appwrite_Project": "console", "Cookie": session}
        path = f"/projects/{other.project_id}/keys"
        assert world.guest(other.project_id).error("GET", path, **headers) == UNAUTHORIZED
    # The same is tried by the other protocol.
    assert user.call("DELETE", f"/teams/{other.team_id}").status_code == 204


def test_the_id_of_a_console_user_is_nobody_in_a_project(world: World, other: Organization) -> None:
    """In admin mode people are admins, never the user of the project who has the same id."""
    console_user = world.person(CONSOLE_PROJECT_ID)
    victim = world.person(other.project_id, console_user.user_id)
    world.change(
        CONSOLE_PROJECT_ID,
        memberships.insert().values(
            id=fresh("m"),
            team_id=other.team_id,
            user_id=victim.user_id,
            roles=["owner"],
            confirmed=True,
            created_at=1,
            updated_at=1,
        ),
    )
    same = world.admin(console_user, other.project_id)
    assert same("GET", "/users").status_code == 200
    assert same.error("GET", "/account") == UNAUTHORIZED
    assert same.error("PATCH", "/account/name", {"name": "Taken over"}) == UNAUTHORIZED
    assert victim.call("GET", "/account").json()["name"] == "Somebody"


@pytest.mark.parametrize("role", ["developer", "admin", "owner"])
def test_roles_in_the_team_count(world: World, own: Organization, role: str) -> None:
    call = world.admin(_join(world, own, [role]), own.project_id)
    assert call("GET", "/users").status_code == 200
    assert call("GET", "/project").status_code == 200


@pytest.mark.parametrize("roles", [[], ["member"], ["keys", "users", "guests"], ["Owner"]])
def test_members_without_a_known_role_only_look(world: World, own: Organization, roles: list[str]) -> None:
    call = world.admin(_join(world, own, roles), own.project_id)
    assert call("GET", "/teams").status_code == 200
    for method, path in (("GET", "/users"), ("POST", "/teams"), ("GET", "/project"), ("DELETE", "/project")):
        assert call.error(method, path, {"teamId": "x", "name": "x"}) == UNAUTHORIZED, path


def test_who_leaves_a_team_is_an_admin_no_more(world: World, own: Organization) -> None:
    person = _join(world, own, ["owner"])
    call = world.admin(person, own.project_id)
    assert call("GET", "/users").status_code == 200
    of_person = memberships.c.user_id == person.user_id
    world.change(CONSOLE_PROJECT_ID, update(memberships).where(of_person).values(roles=["member"]))
    assert call.error("GET", "/users") == UNAUTHORIZED
    world.change(CONSOLE_PROJECT_ID, delete(memberships).where(of_person))
    assert call.error("GET", "/users") == NO_PROJECT


def test_the_console_itself_is_not_managed_by_those_who_have_a_team(world: World, own: Organization) -> None:
    forbidden = (401, "general_access_forbidden")
    for method, path, expected in (
        ("GET", "/users", UNAUTHORIZED),
        ("GET", f"/users/{own.owner.user_id}", UNAUTHORIZED),
        ("DELETE", f"/users/{own.owner.user_id}", UNAUTHORIZED),
        ("GET", "/storage/buckets", UNAUTHORIZED),
        ("GET", "/project", forbidden),
        ("GET", "/project/keys", forbidden),
        ("GET", "/webhooks", forbidden),
        ("POST", "/project/keys/ephemeral", forbidden),
    ):
        assert own.owner.call.error(method, path) == expected, path
        in_admin_mode = world.admin(own.owner, CONSOLE_PROJECT_ID)
        assert in_admin_mode.error(method, path) == (400, "general_bad_request"), path
    assert own.owner.call.error("GET", "/projects/console/keys") == forbidden


def test_older_paths_are_for_members_only(world: World, own: Organization, other: Organization) -> None:
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/keys", None),
        ("POST", "/keys", {"name": "x", "scopes": ["users.read"]}),
        ("POST", "/jwts", {"scopes": ["users.read"], "duration": 60}),
        ("PATCH", "/smtp", {"enabled": False}),
        ("PATCH", "/auth/limit", {"limit": 1}),
        ("PATCH", "/service", {"service": "users", "status": False}),
        ("GET", "/webhooks", None),
        ("DELETE", "", None),
    ):
        target = f"/projects/{other.project_id}{path}"
        assert own.owner.call.error(method, target, body) == NO_PROJECT, target
        guest = world.guest(CONSOLE_PROJECT_ID)
        assert guest.error(method, target, body) == UNAUTHORIZED, target
        user = world.person(own.project_id).call
        assert user.error(method, target, body) == OTHER_PROJECT, target
        keyed = world.guest(own.project_id).with_headers(X_Appwrite_Key=own.key)
        assert keyed.error(method, target, body) == OTHER_PROJECT, target
    assert other.owner.call("GET", f"/projects/{other.project_id}").json()["$id"] == other.project_id


def test_projects_are_founded_and_moved_within_ones_own_teams(
    world: World, own: Organization, other: Organization
) -> None:
    body = {"projectId": fresh("p"), "name": "Mine", "teamId": other.team_id}
    assert own.owner.call.error("POST", "/projects", body)[0] in {401, 404}
    path = f"/projects/{own.project_id}/team"
    assert own.owner.call.error("PATCH", path, {"teamId": other.team_id})[0] in {401, 404}
    path = f"/projects/{other.project_id}/team"
    assert own.owner.call.error("PATCH", path, {"teamId": own.team_id}) == NO_PROJECT
    listed = own.owner.call("GET", "/projects").json()["projects"]
    assert other.project_id not in {each["$id"] for each in listed}


def test_keys_make_no_wider_keys(world: World, own: Organization) -> None:
    made = own.owner.call(
        "POST", f"/projects/{own.project_id}/keys", {"name": "Key", "scopes": ["keys.read", "keys.write"]}
    )
    keyed = world.guest(own.project_id).with_headers(X_Appwrite_Key=made.json()["secret"])
    denied = (403, "key_creation_denied")
    body: dict[str, Any] = {"scopes": ["users.read"], "duration": 60}
    assert keyed.error("POST", "/project/keys/ephemeral", body) == denied
    body = {"keyId": "unique()", "name": "Wider", "scopes": ["users.read"]}
    assert keyed.error("POST", "/project/keys", body) == denied
    wider = {"name": "Key", "scopes": ["keys.write", "users.read"]}
    path = f"/project/keys/{made.json()['$id']}"
    assert keyed.error("PUT", path, wider) == denied
    body = {"scopes": ["keys.read"], "duration": 60}
    narrow = keyed("POST", "/project/keys/ephemeral", body).json()["secret"]
    call = world.guest(own.project_id).with_headers(X_Appwrite_Key=narrow)
    assert call("GET", "/project/keys").status_code == 200
    assert call.error("DELETE", path) == UNAUTHORIZED


@by_both_protocols
def test_switches_bind_users_but_not_those_who_run_the_project(world: World) -> None:
    organization = world.organization()
    project_id = organization.project_id
    user = world.person(project_id).call
    keyed = world.guest(project_id).with_headers(X_Appwrite_Key=organization.key)
    admin = world.admin(organization.owner, project_id)
    _change_settings(world, project_id, disabled_services=frozenset({"teams"}))
    disabled = (403, "general_service_disabled")
    assert user.error("GET", "/teams") == disabled
    assert world.guest(project_id).error("GET", "/teams") == disabled
    assert user.whoami()
    assert keyed("GET", "/teams").status_code == 200
    assert admin("GET", "/teams").status_code == 200
    _change_settings(
        world, project_id, disabled_services=frozenset(), disabled_protocols=frozenset({world.protocol})
    )
    assert user.error("GET", "/teams") == (403, "general_api_disabled")
    assert user.error("GET", "/account") == (403, "general_api_disabled")
    assert keyed("GET", "/teams").status_code == 200
    assert admin("GET", "/teams").status_code == 200
    _change_settings(
        world, project_id, disabled_protocols=frozenset({"rest", "graphql", "websocket"} - {world.protocol})
    )
    assert user("GET", "/teams").status_code == 200


def test_pages_of_a_project_do_not_act_as_its_admins(world: World, own: Organization) -> None:
    """A script on a page of the project must not use the console's cookie of an owner who looks at it."""
    body = {"platformId": "unique()", "name": "Site", "hostname": "shop.example"}
    admin = world.admin(own.owner, own.project_id)
    assert admin("POST", "/project/platforms/web", body).status_code == 201
    page = {"Origin": "https://shop.example"}
    user = world.person(own.project_id).call
    assert user.whoami(**page)
    unknown = (403, "general_unknown_origin")
    assert admin.error("GET", "/users", **page) == unknown
    assert own.owner.call.error("GET", f"/projects/{own.project_id}/keys", **page) == unknown
    assert own.owner.call.error("GET", "/account", **page) == unknown
    answer = admin("GET", "/users", Origin="http://localhost:3000")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"


def test_dev_keys(world: World, own: Organization, other: Organization) -> None:
    instance = world.api.instance

    def make(project_id: str, expires: int) -> str:
        key = world.api.run(
            lambda: instance.database.write(
                lambda transaction: insert_dev_key(
                    transaction.connection, instance.encryption, project_id, "Key", expires
                )
            )
        )
        return instance.encryption.open(key.sealed_secret)

    page = {"Origin": "https://anywhere.example"}
    user = world.person(own.project_id)
    valid = make(own.project_id, now() + 60_000)
    answer = user.call("GET", "/account", X_Appwrite_Dev_Key=valid, **page)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://anywhere.example"
    unknown = (403, "general_unknown_origin")
    for wrong in ("", make(own.project_id, now() - 1), make(other.project_id, now() + 60_000), valid[1:]):
        assert user.call.error("GET", "/account", X_Appwrite_Dev_Key=wrong, **page) == unknown
    assert user.call.error("GET", "/account", X_Appwrite_Dev_Key=valid, Origin="null") == unknown
    guest = world.guest(own.project_id)
    assert guest.error("GET", "/account", X_Appwrite_Dev_Key=valid) == UNAUTHORIZED, "it says nobody"
    assert guest.error("GET", "/users", X_Appwrite_Dev_Key=valid) == UNAUTHORIZED


def test_a_deleted_project_is_gone_with_everything(world: World) -> None:
    organization = world.organization()
    project_id = organization.project_id
    user = world.person(project_id)
    directory = world.store(project_id).database.path.parent
    assert directory.exists()
    assert world.admin(organization.owner, project_id)("DELETE", "/project").status_code == 204
    assert not directory.exists()
    assert user.call.error("GET", "/account") == NO_PROJECT
    keyed = world.guest(project_id).with_headers(X_Appwrite_Key=organization.key)
    assert keyed.error("GET", "/users") == NO_PROJECT
    body = {"projectId": project_id, "name": "Again", "teamId": organization.team_id}
    assert organization.owner.call("POST", "/projects", body).status_code == 201
    assert user.call.whoami() == ""
    assert keyed.error("GET", "/users") == UNAUTHORIZED
    listed = world.admin(organization.owner, project_id)("GET", "/users").json()
    assert listed["total"] == 0
