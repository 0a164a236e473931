"""Unmodified SDKs and another client of GraphQL."""

from __future__ import annotations

import json
from typing import Any

import pytest
from appwrite.client import Client
from appwrite.exception import AppwriteException
from appwrite.services.graphql import Graphql

from tests.sdk.node import run_node
from tests.support.server import TidewireServer


def test_the_sdks_for_browsers_and_servers_and_graphql_request(server: TidewireServer, api_key: str) -> None:
    outcome = run_node("graphql.mjs", server.endpoint, server.project, api_key)
    columns = outcome["made"]["data"]["tablesDBCreateTable"]["columns"]
    assert columns == [{"key": "title", "type": "string", "size": 20}]
    created = outcome["created"]["data"]["tablesDBCreateRow"]
    assert f'update("user:{outcome["user"]}")' in created["_permissions"]
    account, rows = outcome["batch"]
    assert account["data"]["accountGet"]["_id"] == outcome["user"]
    assert rows["data"]["tablesDBListRows"] == {"total": 1, "rows": [{"_id": "r", "data": '{"title":"One"}'}]}
    assert outcome["wrong"]["errors"][0]["extensions"]["type"] == "general_query_invalid"
    assert outcome["faults"] == [0, 0]
    assert json.loads(outcome["row"]["tablesDBGetRow"]["data"]) == {"title": "One"}
    assert outcome["missing"] == {"code": 404, "type": "row_not_found"}
    assert outcome["several"] == 2


def test_the_python_sdk(server: TidewireServer, api_key: str) -> None:
    client = Client()
    client.set_endpoint(server.endpoint).set_project(server.project).set_key(api_key)
    graphql = Graphql(client)
    made = graphql.mutation(
        {"query": 'mutation { teamsCreate(teamId: "gql", name: "G") { _id prefs { data } } }'}
    )
    assert _data(made)["teamsCreate"] == {"_id": "gql", "prefs": {"data": "{}"}}
    batch: Any = [{"query": "{ teamsList { total } }"}, {"query": '{ teamsGet(teamId: "gql") { name } }'}]
    both = graphql.query(batch)
    both_plain: Any = _plain(both)
    assert both_plain[1]["data"]["teamsGet"] == {"name": "G"}
    gone = graphql.mutation({"query": 'mutation { teamsDelete(teamId: "gql") { status } }'})
    assert _data(gone)["teamsDelete"] == {"status": "OK"}
    nothing: Any = []
    with pytest.raises(AppwriteException) as refused:
        graphql.query(nothing)
    assert refused.value.type == "graphql_no_query"


def _plain(answer: object) -> object:
    return answer.to_dict() if hasattr(answer, "to_dict") else answer


def _data(answer: object) -> dict[str, dict[str, object]]:
    plain = _plain(answer)
    assert isinstance(plain, dict)
    data: dict[str, dict[str, object]] = plain["data"]
    return data
