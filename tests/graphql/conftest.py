"""A running API that is asked by GraphQL, with a table of rows that everybody may read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.api import ApiServer, running_api
from tidewire.core.scopes import PROJECT_KEY_SCOPES
from tidewire.services import ALL_OPERATIONS
from tidewire.settings import Settings

TABLE = """mutation {
  tablesDBCreate(databaseId: "d", name: "D") { _id }
  tablesDBCreateTable(databaseId: "d", tableId: "t", name: "T", permissions: ["read(\\"any\\")"], columns: [
    {key: "title", type: "string", size: 20}, {key: "count", type: "integer"}
  ]) { _id }
}"""
ROW = """mutation($rowId: String!, $data: Json!, $permissions: [String!]) {
  tablesDBCreateRow(databaseId: "d", tableId: "t", rowId: $rowId, data: $data, permissions: $permissions) {
    _id data
  }
}"""


@dataclass
class Asking:
    """A client that asks by GraphQL."""

    client: httpx.Client

    def answer(self, query: str, /, **variables: Any) -> dict[str, Any]:
        """The whole answer to a query."""
        response = self.client.post("/v1/graphql", json={"query": query, "variables": variables})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def data(self, query: str, /, **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        answer = self.answer(query, **variables)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def refused(self, query: str, /, **variables: Any) -> str:
        """The type of the only error of an answer."""
        (error,) = self.answer(query, **variables)["errors"]
        kind: str = error["extensions"]["type"]
        return kind


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A running API, shared: tests use ids of their own."""
    settings = Settings(
        data_dir=str(tmp_path_factory.mktemp("graphql")), synchronous="normal", trusted_proxies=True
    )
    with running_api(settings, ALL_OPERATIONS) as server:
        yield server


@pytest.fixture(scope="session")
def key(api: ApiServer) -> str:
    """Secret of an API key for everything."""
    return api.create_key(sorted(PROJECT_KEY_SCOPES))


@pytest.fixture(scope="session")
def program(api: ApiServer, key: str) -> Iterator[Asking]:
    """A program with the key; the table is there."""
    headers = {"X-Appwrite-Project": api.project, "X-Appwrite-Key": key}
    with httpx.Client(base_url=api.url, headers=headers, timeout=30) as client:
        asking = Asking(client)
        asking.data(TABLE)
        asking.data(ROW, rowId="first", data={"title": "One", "count": 1})
        yield asking


@pytest.fixture
def guest(api: ApiServer, program: Asking) -> Iterator[Asking]:
    """Somebody who is not signed in; cookies are kept."""
    headers = {"X-Appwrite-Project": api.project}
    with httpx.Client(base_url=api.url, headers=headers, timeout=30) as client:
        yield Asking(client)
