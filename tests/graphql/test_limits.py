"""Queries are bounded before anything of them is run, and none brings the server down."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphql import get_introspection_query
from tests.graphql.conftest import ROW as CREATE
from tests.graphql.conftest import Asking
from tests.support.api import running_api
from tidewire.services import ALL_OPERATIONS
from tidewire.settings import Settings

ROW = 'tablesDBGetRow(databaseId: "d", tableId: "t", rowId: "first")'
ROWS = 'tablesDBListRows(databaseId: "d", tableId: "t"'
LIMIT = '{"method":"limit","values":[%d]}'
SPREADS = " ".join(f"fragment f{n} on Row {{ ...f{n + 1} ...f{n + 1} }}" for n in range(60))
BOMB = f"{{ {ROW} {{ ...f0 }} }} {SPREADS} fragment f60 on Row {{ x: _id }}"
DEEP = "{ a " * 1500 + "{ b }" + "}" * 1500


def _message(asking: Asking, query: str, /, **variables: Any) -> str:
    (error,) = asking.answer(query, **variables)["errors"]
    assert error["extensions"]["code"] == 400
    return str(error["message"])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ a { b { c { d { e { f { g } } } } } } }", "Max query depth should be 4 but got 5."),
        (f"{{ {' '.join(f'a{n}: {ROW} {{ _id }}' for n in range(101))} }}", "Max number of aliases"),
        (f"{{ {ROW} {{ _id {'@include(if: true) ' * 51} }} }}", "Max number of directives"),
        (f"{{ {ROW} {{ {'_id ' * 1001} }} }}", "Max number of fields"),
        (f"{{ {ROW} {{ {'_id ' * 250} }} }}", "Max query complexity should be 250 but got 251."),
        (f"{{ {ROWS}) {{ rows {{ {'_id ' * 10} }} }} }}", "got 275."),
        (f"{{ {ROWS}, queries: [{json.dumps(LIMIT % 126)}]) {{ rows {{ data }} }} }}", "got 252."),
        ("{ " + "a " * 5001 + "}", "5000"),
        ("{ a } #" + "x" * 70_000, "A query has at most 65536 bytes."),
        ("{ __schema { " + "types { name } " * 251 + "} }", "Max number of introspection fields"),
        (f"{{ __typename __schema {{ queryType {{ name }} }} {ROW} {{ _id }} }}", "query of its own"),
        (BOMB, "Max number of aliases"),
        (DEEP, ""),
        ("query($q: [String!]) " + f"{{ {ROWS}, queries: $q) {{ rows {{ data }} }} }}", "got 2000."),
    ],
)
def test_what_is_too_large_is_refused(guest: Asking, query: str, message: str) -> None:
    assert message in _message(guest, query, q=[LIMIT % 1000])


def test_what_is_just_small_enough_is_answered(guest: Asking) -> None:
    many = " ".join(f"a{n}: {ROW} {{ _id data }}" for n in range(20))
    assert len(guest.data(f"{{ {many} }}")) == 20
    limited = f"{{ {ROWS}, queries: [{json.dumps(LIMIT % 100)}]) {{ rows {{ data }} }} }}"
    assert guest.data(limited)["tablesDBListRows"]["rows"]
    left_out = f"{{ {ROW} {{ _id {'data @skip(if: true) ' * 45} }} }}"
    assert guest.data(left_out) == {"tablesDBGetRow": {"_id": "first"}}


def test_fragments_that_spread_themselves(guest: Asking) -> None:
    query = f"{{ {ROW} {{ ...a }} }} fragment a on Row {{ ...b }} fragment b on Row {{ ...a }}"
    assert "spread" in _message(guest, query)


def test_introspection_is_measured_apart(guest: Asking) -> None:
    schema = guest.data(get_introspection_query())["__schema"]
    assert {"Query", "Mutation", "Row", "InputFile"} <= {each["name"] for each in schema["types"]}
    nested = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"
    assert "depth" in _message(guest, nested)


def test_settings_move_the_limits(tmp_path_factory: pytest.TempPathFactory) -> None:
    set_to = Settings(
        data_dir=str(tmp_path_factory.mktemp("limits")),
        synchronous="normal",
        graphql_introspection=False,
        graphql_max_aliases=1,
        graphql_max_batch=1,
        graphql_answer_max_bytes=1,
    )
    with (
        running_api(set_to, ALL_OPERATIONS) as api,
        httpx.Client(base_url=api.url, headers={"X-Appwrite-Project": api.project}, timeout=30) as client,
    ):
        asking = Asking(client)
        hidden = asking.answer("{ __schema { queryType { name } } }")
        assert "introspection" in hidden["errors"][0]["message"]
        assert "data" not in hidden
        assert "Did you mean" not in _message(asking, "{ localeListCountrie { total } }")
        assert client.get("/v1/graphql/schema.graphql").json()["type"] == "general_access_forbidden"
        assert "aliases should be 1" in _message(asking, "{ a: __typename b: __typename }")
        answer = client.post("/v1/graphql", json=[{"query": "{ __typename }"}] * 2)
        assert answer.json()["type"] == "graphql_too_many_queries"


names = st.sampled_from(["a", "__typename", "accountGet", "pingGet", "status", "_id", "x"])
selections = st.recursive(
    names,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=6).map(lambda each: "pingGet { " + " ".join(each) + " }"),
        st.lists(inner, min_size=1, max_size=4).map(lambda each: "... on Query { " + " ".join(each) + " }"),
        inner.map(lambda each: f"y: {each}"),
        inner.map(lambda each: f"... @skip(if: $v) {{ {each} }}"),
    ),
    max_leaves=20,
)


@settings(max_examples=25)
@given(st.one_of(selections.map(lambda each: f"{{ {each} }}"), st.text(max_size=60)), st.booleans())
def test_nothing_that_is_sent_is_a_fault_of_the_server(program: Asking, query: str, value: bool) -> None:
    answer = program.client.post("/v1/graphql", json={"query": query, "variables": {"v": value}})
    assert answer.status_code == (200 if query else 400), answer.text
    for error in answer.json().get("errors", ()):
        assert error["extensions"]["code"] < 500, error


@pytest.mark.parametrize(
    "variables",
    [
        {"data": {"count": 1e400}},
        {"data": {"title": "x" * 30}},
        {"data": 5},
        {"data": None},
        {"data": {"count": 2**70}},
        {"rowId": {"a": 1}},
        {"rowId": ["a"]},
        {"permissions": [["read"]]},
        {"permissions": "read"},
    ],
)
def test_wrong_values_are_refused_in_the_answer(program: Asking, variables: dict[str, Any]) -> None:
    given_ = {"rowId": "wrong", "data": {}, **variables}
    body = json.dumps({"query": CREATE, "variables": given_}).replace("Infinity", "1e400")
    answer = program.client.post("/v1/graphql", content=body)
    (error,) = answer.json()["errors"] if answer.status_code == 200 else [answer.json()]
    assert error.get("extensions", error)["code"] == 400
