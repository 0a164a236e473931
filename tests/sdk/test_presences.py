"""Presences with unmodified SDKs: web clients over the socket and over REST, servers over REST."""

from __future__ import annotations

from appwrite.client import Client
from appwrite.id import ID
from appwrite.permission import Permission
from appwrite.query import Query
from appwrite.role import Role
from appwrite.services.presences import Presences
from appwrite.services.users import Users

from tests.sdk.node import run_node
from tests.support.server import TidewireServer


def test_who_sees_what_and_that_it_ends_with_the_socket(server: TidewireServer, api_key: str) -> None:
    outcome = run_node("presences.mjs", server.endpoint, server.project, api_key)
    assert outcome["received"] == [
        ["upsert", "ann", "online"],
        ["update", "ann", "away"],
        ["update", "carl", "busy"],
        ["delete", "carl", "busy"],
        ["delete", "ann", "away"],
        ["upsert", "ann", "online"],
        ["delete", "ann", "online"],
    ]
    assert outcome["seen"] == [True, True, "realtime", "online", {"room": 1}, 3]
    assert outcome["refused"] == [
        "presence_already_exists",
        "user_unauthorized",
        "presence_not_found",
    ]
    assert outcome["unseen"] == 1
    assert outcome["listed"] == [["realtime", "away"], ["rest", "busy"]]
    assert outcome["left"] == 0
    assert outcome["errors"] == []


def test_a_server_in_python(server: TidewireServer, api_key: str) -> None:
    client = Client()
    client.set_endpoint(server.endpoint).set_project(server.project).set_key(api_key)
    user = Users(client).create(ID.unique())
    presences = Presences(client)
    made = presences.upsert(
        ID.unique(), user.id, "online", [Permission.read(Role.users())], metadata={"a": 1}
    )
    assert (made.userid, made.status, made.source) == (user.id, "online", "rest")
    assert presences.update(made.id, status="away", user_id=user.id).status == "away"
    assert presences.get(made.id).status == "away"
    listed = presences.list([Query.equal("userId", user.id)])
    assert [each.id for each in listed.presences] == [made.id]
    presences.delete(made.id)
    assert presences.list([Query.equal("userId", user.id)]).total == 0
