"""The teams service over HTTP: each operation, and those who try to get in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.api.people import Walk, sign_up
from tests.support.api import ApiServer
from tests.support.messages import waiting_messages
from tests.support.responses import checked_client
from tidewire.core.ids import unique_id
from tidewire.services.teams import operations

URL = "http://localhost/join"


@pytest.fixture
def ada(api: ApiServer) -> Iterator[httpx.Client]:
    """Somebody who signed up."""
    with checked_client(base_url=api.url, headers={"X-Appwrite-Project": api.project}, timeout=20) as client:
        sign_up(client, unique_id())
        yield client


@pytest.fixture
def bob(api: ApiServer) -> Iterator[httpx.Client]:
    """Somebody else."""
    with checked_client(base_url=api.url, headers={"X-Appwrite-Project": api.project}, timeout=20) as client:
        sign_up(client, unique_id())
        yield client


def user_id(client: httpx.Client) -> str:
    return str(client.get("/v1/account").json()["$id"])


def link_to(api: ApiServer, address: str) -> dict[str, str]:
    """What the link in the newest message to this address says."""

    async def read() -> str:
        store = await api.instance.project(api.project)
        assert store is not None
        encryption = api.instance.encryption
        waiting = await store.database.read(lambda connection: waiting_messages(connection, encryption))
        return str([message.text for message in waiting if message.recipient == address][-1])

    link = next(word for word in api.run(read).split() if word.startswith(URL))
    return dict(parse_qsl(urlsplit(link).query))


def accepted(client: httpx.Client, link: dict[str, str]) -> httpx.Response:
    path = f"/v1/teams/{link['teamId']}/memberships/{link['membershipId']}/status"
    return client.patch(path, json={"userId": link["userId"], "secret": link["secret"]})


def test_every_operation(api: ApiServer, ada: httpx.Client, client: httpx.Client) -> None:
    walk = Walk(ada)
    team_id, email = unique_id(), f"{unique_id()}@example.com"
    team = walk("POST", "/teams", expected=201, teamId=team_id, name="Choir", roles=["alto"])
    assert (team["$id"], team["total"]) == (team_id, 1)
    of_team = f"/teams/{team_id}"
    assert walk("GET", "/teams", search="choir")["total"] == 1
    assert walk("GET", of_team) == team
    assert walk("PUT", of_team, name="Orchestra")["name"] == "Orchestra"
    assert walk("PUT", f"{of_team}/prefs", prefs={"key": "C"}) == {"key": "C"}
    assert walk("GET", f"{of_team}/prefs") == {"key": "C"}
    invited = walk("POST", f"{of_team}/memberships", expected=201, email=email, roles=["bass"], url=URL)
    assert invited["confirm"] is False
    assert walk("GET", f"{of_team}/memberships")["total"] == 2
    of_member = f"{of_team}/memberships/{invited['$id']}"
    assert walk("GET", of_member)["roles"] == ["bass"]
    link = link_to(api, email)
    walk.called.append(("PATCH", f"{of_member}/status"))
    joined = accepted(client, link)
    assert joined.json()["confirm"] is True
    assert client.get("/v1/account").json()["emailVerification"] is True
    assert client.get(f"/v1{of_team}").json()["total"] == 2
    assert walk("PATCH", of_member, roles=["solo"])["roles"] == ["solo"]
    # What the project hides of members is hidden from owners of the team too.
    people = [walk("GET", of_member), *walk("GET", f"{of_team}/memberships")["memberships"]]
    hidden = ("userEmail", "userName", "userPhone", "userAccessedAt")
    assert {each[name] for each in people for name in hidden} == {""}
    key = {"X-Appwrite-Project": api.project, "X-Appwrite-Key": api.create_key(["teams.read"])}
    with httpx.Client(base_url=api.url, headers=key) as program:
        assert program.get(f"/v1{of_member}").json()["userEmail"] == email
    walk("DELETE", of_member, expected=204)
    assert client.get(f"/v1{of_team}").json()["type"] == "team_not_found"
    walk("DELETE", of_team, expected=204)
    assert walk("GET", "/teams")["total"] == 0
    assert walk.not_called(operations) == []


def test_an_invitation_signs_in_with_cookies(api: ApiServer, ada: httpx.Client, client: httpx.Client) -> None:
    email = f"{unique_id()}@example.com"
    team_id = ada.post("/v1/teams", json={"teamId": "unique()", "name": "Choir"}).json()["$id"]
    invitation = {"email": email, "roles": [], "url": URL}
    ada.post(f"/v1/teams/{team_id}/memberships", json=invitation).raise_for_status()
    link = link_to(api, email)
    answer = accepted(client, link)
    assert f"a_session_{api.project}" in answer.cookies
    assert client.get("/v1/account/sessions/current").json()["factors"] == ["email"]
    with checked_client(base_url=api.url, headers={"X-Appwrite-Project": api.project}) as thief:
        assert accepted(thief, link).json()["type"] == "membership_already_confirmed"
        guessed = accepted(thief, {**link, "secret": "guess"})
        assert (guessed.status_code, guessed.json()["type"]) == (401, "team_invalid_secret")
        assert not thief.cookies
        assert thief.get("/v1/account").status_code == 401


def test_a_wrong_secret_opens_nothing(api: ApiServer, ada: httpx.Client, client: httpx.Client) -> None:
    email = f"{unique_id()}@example.com"
    team_id = ada.post("/v1/teams", json={"teamId": "unique()", "name": "Choir"}).json()["$id"]
    ada.post(f"/v1/teams/{team_id}/memberships", json={"email": email, "roles": [], "url": URL})
    link = link_to(api, email)
    for secret in ("x", "0" * 64, link["secret"].upper(), link["secret"] + "0"):
        assert accepted(client, link | {"secret": secret}).json()["type"] == "team_invalid_secret"
    assert accepted(client, link | {"userId": user_id(ada)}).json()["type"] == "team_invite_mismatch"
    assert accepted(ada, link).json()["type"] == "team_invite_mismatch"
    assert not client.cookies


def test_guests_see_no_teams(client: httpx.Client, ada: httpx.Client) -> None:
    team_id = ada.post("/v1/teams", json={"teamId": "unique()", "name": "Choir"}).json()["$id"]
    for method, path in (
        ("GET", "/v1/teams"),
        ("POST", "/v1/teams"),
        ("GET", f"/v1/teams/{team_id}"),
        ("GET", f"/v1/teams/{team_id}/memberships"),
        ("POST", f"/v1/teams/{team_id}/memberships"),
        ("DELETE", f"/v1/teams/{team_id}"),
    ):
        assert client.request(method, path).json()["type"] == "general_unauthorized_scope"


def test_roles_reach_no_further_than_their_team(ada: httpx.Client, bob: httpx.Client) -> None:
    """Owning one team opens no other, whatever ids and roles are called."""
    mine = ada.post("/v1/teams", json={"teamId": "unique()", "name": "Mine"}).json()["$id"]
    his = bob.post("/v1/teams", json={"teamId": "unique()", "name": "His", "roles": [f"{mine}"]}).json()[
        "$id"
    ]
    own = bob.get(f"/v1/teams/{his}/memberships").json()["memberships"][0]["$id"]
    for method, path, body in (
        ("GET", f"/v1/teams/{mine}", None),
        ("PATCH", f"/v1/teams/{mine}/memberships/{own}", {"roles": ["owner"]}),
        ("POST", f"/v1/teams/{mine}/memberships", {"userId": user_id(bob), "roles": ["owner"], "url": URL}),
        ("PUT", f"/v1/teams/{mine}", {"name": "Taken"}),
        ("DELETE", f"/v1/teams/{mine}", None),
    ):
        assert bob.request(method, path, json=body).json()["type"] == "team_not_found"
    hers = ada.get(f"/v1/teams/{mine}/memberships").json()["memberships"][0]["$id"]
    crossed = bob.patch(f"/v1/teams/{his}/memberships/{hers}", json={"roles": []})
    assert crossed.json()["type"] == "team_membership_mismatch"
    removed = bob.delete(f"/v1/teams/{his}/memberships/{hers}")
    assert removed.json()["type"] == "team_membership_mismatch"


def test_a_removed_member_is_out_at_once(api: ApiServer, ada: httpx.Client, bob: httpx.Client) -> None:
    team_id = ada.post("/v1/teams", json={"teamId": "unique()", "name": "Choir"}).json()["$id"]
    key = {"X-Appwrite-Project": api.project, "X-Appwrite-Key": api.create_key(["teams.write"])}
    with checked_client(base_url=api.url, headers=key) as server:
        added = server.post(
            f"/v1/teams/{team_id}/memberships", json={"userId": user_id(bob), "roles": ["owner"]}
        ).json()
        assert bob.put(f"/v1/teams/{team_id}", json={"name": "Ours"}).status_code == 200
        server.patch(f"/v1/teams/{team_id}/memberships/{added['$id']}", json={"roles": ["alto"]})
        assert bob.put(f"/v1/teams/{team_id}", json={"name": "Mine"}).status_code == 401
        server.delete(f"/v1/teams/{team_id}/memberships/{added['$id']}")
        assert bob.get(f"/v1/teams/{team_id}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"teamId": "unique()"},
        {"teamId": "_x", "name": "Choir"},
        {"teamId": "unique()", "name": ""},
        {"teamId": "unique()", "name": "x" * 129},
        {"teamId": "unique()", "name": "Choir", "roles": "owner"},
        {"teamId": "unique()", "name": "Choir", "roles": ["with space"]},
        {"teamId": "unique()", "name": "Choir", "roles": ["x" * 37]},
        {"teamId": "unique()", "name": "Choir", "roles": ["x"] * 101},
    ],
)
def test_what_is_wrong_is_refused(ada: httpx.Client, body: dict[str, Any]) -> None:
    assert ada.post("/v1/teams", json=body).json()["type"] == "general_argument_invalid"
