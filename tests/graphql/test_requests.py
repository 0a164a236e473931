"""Requests in all the forms that clients send, and their answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.graphql.conftest import ROW, Asking
from tests.support.api import ApiServer

GET_ROW = '{ tablesDBGetRow(databaseId: "d", tableId: "t", rowId: "first") { _id data } }'
FOUND = {"tablesDBGetRow": {"_id": "first", "data": '{"title":"One","count":1}'}}


@pytest.mark.parametrize("path", ["/v1/graphql", "/v1/graphql/mutation"])
@pytest.mark.parametrize(
    "body",
    [
        {"query": GET_ROW},
        {"query": {"query": GET_ROW}},
        {"query": GET_ROW, "variables": None, "operationName": None},
        {"query": GET_ROW, "variables": []},
        [{"query": GET_ROW}],
        {"query": [{"query": GET_ROW}]},
    ],
)
def test_one_query(guest: Asking, path: str, body: Any) -> None:
    answer = guest.client.post(path, json=body, headers={"X-SDK-GraphQL": "true"})
    assert answer.json() == {"data": FOUND}


def test_other_types_of_content(guest: Asking) -> None:
    plain = {"Content-Type": "application/graphql"}
    assert guest.client.post("/v1/graphql", content=GET_ROW, headers=plain).json() == {"data": FOUND}
    assert guest.client.post("/v1/graphql", data={"query": GET_ROW}).json() == {"data": FOUND}
    assert guest.client.get("/v1/graphql", params={"query": GET_ROW}).json() == {"data": FOUND}


def test_variables_and_names_of_operations(guest: Asking) -> None:
    query = """
      query one($id: String!) { tablesDBGetRow(databaseId: "d", tableId: "t", rowId: $id) { _id } }
      query two { tablesDBListRows(databaseId: "d", tableId: "t", queries: []) { total } }
    """
    sent = {"query": query, "variables": {"id": "first"}, "operationName": "one"}
    found = {"data": {"tablesDBGetRow": {"_id": "first"}}}
    assert guest.client.post("/v1/graphql", json=sent).json() == found
    in_url = {"query": query, "variables": '{"id": "first"}', "operationName": "one"}
    assert guest.client.get("/v1/graphql", params=in_url).json() == found
    for name in ("", "three"):
        answer = guest.client.post("/v1/graphql", json={**sent, "operationName": name}).json()
        assert answer["errors"][0]["extensions"]["code"] == 400
    assert "data" not in answer


def test_a_batch_is_answered_in_order(guest: Asking, program: Asking) -> None:
    batch = [{"query": GET_ROW}, {"query": "{"}, {"query": GET_ROW.replace("first", "none")}]
    first, second, third = guest.client.post("/v1/graphql", json=batch).json()
    assert first == {"data": FOUND}
    assert "data" not in second
    assert third["errors"][0]["extensions"] == {"code": 404, "type": "row_not_found"}
    made = [
        {"query": ROW, "variables": {"rowId": "batched", "data": {"count": 1}}},
        {"query": GET_ROW.replace("first", "batched")},
    ]
    assert program.client.post("/v1/graphql", json=made).json()[1]["data"]["tablesDBGetRow"]["_id"]


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        (b"", "graphql_no_query"),
        (b"{}", "graphql_no_query"),
        (b"[]", "graphql_no_query"),
        (b'{"query": ""}', "graphql_no_query"),
        (b'[{"query": "{a}"}, {}]', "graphql_no_query"),
        (b'{"query": 1}', "general_argument_invalid"),
        (b'{"query": "{a}", "variables": 1}', "general_argument_invalid"),
        (b'{"query": "{a}", "variables": "{"}', "general_argument_invalid"),
        (b'{"query": "{a}", "operationName": 1}', "general_argument_invalid"),
        (b"1", "general_argument_invalid"),
        (b"{", "general_argument_invalid"),
        (b'{"query": "\xff"}', "general_argument_invalid"),
        (json.dumps([{"query": GET_ROW}] * 11).encode(), "graphql_too_many_queries"),
        (b"[" * 100_000, "general_argument_invalid"),
    ],
)
def test_what_is_no_query(guest: Asking, body: bytes, type_: str) -> None:
    answer = guest.client.post("/v1/graphql", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["type"] == type_


def test_get_only_reads(guest: Asking) -> None:
    mutation = 'mutation { tablesDBDelete(databaseId: "d") { status } }'
    answer = guest.client.get("/v1/graphql", params={"query": mutation})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json()["type"] == "graphql_method_unsupported"
    both = {"query": f"query a {GET_ROW} {mutation.replace('mutation', 'mutation b')}"}
    assert guest.client.get("/v1/graphql", params={**both, "operationName": "a"}).json() == {"data": FOUND}
    assert guest.client.get("/v1/graphql", params={**both, "operationName": "b"}).status_code == 405
    assert guest.client.get("/v1/graphql", params={"query": "{"}).json()["errors"]
    assert guest.client.get("/v1/graphql/mutation", params={"query": GET_ROW}).status_code == 404
    assert guest.client.get("/v1/graphql/other").json()["type"] == "general_route_not_found"


def test_projects_and_origins_are_looked_at_first(guest: Asking) -> None:
    body = {"query": GET_ROW}
    unknown = guest.client.post("/v1/graphql", json=body, headers={"X-Appwrite-Project": "none"})
    assert (unknown.status_code, unknown.json()["type"]) == (404, "project_not_found")
    elsewhere = guest.client.post("/v1/graphql", json=body, headers={"Origin": "https://evil.example"})
    assert (elsewhere.status_code, elsewhere.json()["type"]) == (403, "general_unknown_origin")
    page = guest.client.post("/v1/graphql", json=body, headers={"Origin": "http://localhost"})
    assert page.headers["Access-Control-Allow-Origin"] == "http://localhost"


def test_sessions_reach_the_client(guest: Asking, program: Asking) -> None:
    address = {"email": "ann@example.com", "password": "correct horse 1"}
    program.data(
        """mutation($email: String!, $password: String!) {
          usersCreate(userId: "ann", email: $email, password: $password) { _id prefs { data } }
        }""",
        **address,
    )
    sign_in = {
        "query": """mutation($email: String!, $password: String!) {
          accountCreateEmailPasswordSession(email: $email, password: $password) { userId }
        }""",
        "variables": address,
    }
    answer = guest.client.post("/v1/graphql", json=sign_in)
    assert json.loads(answer.headers["X-Fallback-Cookies"]).keys() == {"a_session_default"}
    assert guest.data("{ accountGet { email } }") == {"accountGet": {"email": "ann@example.com"}}
    change = 'mutation { accountUpdatePrefs(prefs: {theme: "dark", n: [1, {x: null}]}) { prefs { data } } }'
    prefs = guest.data(change)["accountUpdatePrefs"]["prefs"]
    assert json.loads(prefs["data"]) == {"theme": "dark", "n": [1, {"x": None}]}
    ended = guest.data('mutation { accountDeleteSession(sessionId: "current") { status } }')
    assert ended == {"accountDeleteSession": {"status": "OK"}}
    assert guest.refused("{ accountGet { _id } }") == "general_unauthorized_scope"


def test_the_schema_is_served(guest: Asking, api: ApiServer) -> None:
    answer = guest.client.get("/v1/graphql/schema.graphql", headers={"X-Appwrite-Project": ""})
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "  tablesDBGetRow(databaseId: String!" in answer.text
