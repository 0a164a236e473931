"""Fields are operations: with their conditions, files, switches, limits, events and order."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.graphql.conftest import ROW, Asking
from tests.support.api import ApiServer
from tidewire.store.instance.instance import Project

DELETE = """mutation($queries: [String!]) {
  tablesDBDeleteRows(databaseId: "d", tableId: "t", queries: $queries) { total }
}"""
TITLED = json.dumps({"method": "equal", "attribute": "title", "values": ["No"]})
BUCKET = (
    'mutation { storageCreateBucket(bucketId: "b", name: "B", permissions: ["create(\\"any\\")"]) { _id } }'
)
UPLOAD = """mutation($file: InputFile!, $fileId: String!) {
  storageCreateFile(bucketId: "b", fileId: $fileId, file: $file) { _id name sizeOriginal }
}"""


def test_a_condition_is_not_lost_by_a_misspelt_name(program: Asking) -> None:
    assert program.data(DELETE, queries=[TITLED])["tablesDBDeleteRows"] == {"total": 0}
    assert program.refused(DELETE, query=[TITLED]) == "general_argument_invalid"
    assert program.refused(DELETE) == "general_argument_invalid"
    assert program.refused(DELETE, queries=None) == "general_argument_invalid"
    twice = json.dumps({"query": DELETE, "variables": 0})
    for variables in (
        f'{{"queries": [{json.dumps(TITLED)}], "queries": []}}',
        f'{{"queries": []}}, "variables": {{"queries": [{json.dumps(TITLED)}]}}',
    ):
        body = twice.replace('"variables": 0', f'"variables": {variables}')
        answer = program.client.post("/v1/graphql", content=body).json()
        assert "twice" in answer["errors"][0]["message"], answer
    assert program.data('{ tablesDBListRows(databaseId: "d", tableId: "t") { total } }')


def test_mutations_are_run_in_order_and_go_on_after_one_that_fails(program: Asking) -> None:
    order = """mutation {
      a: teamsCreate(teamId: "in-order", name: "A") { name }
      b: teamsCreate(teamId: "in-order", name: "B") { name }
      c: teamsUpdateName(teamId: "in-order", name: "C") { name }
      d: teamsDelete(teamId: "in-order") { status }
    }"""
    answer = program.answer(order)
    assert answer["data"] == {"a": {"name": "A"}, "b": None, "c": {"name": "C"}, "d": {"status": "OK"}}
    assert [error["path"] for error in answer["errors"]] == [["b"]]
    assert list(answer) == ["errors", "data"]


def _form(**parts: Any) -> list[tuple[str, Any]]:
    return [(name, value if isinstance(value, tuple) else (None, value)) for name, value in parts.items()]


@pytest.mark.parametrize("places", ['{"0": ["variables.file"]}', '[["variables.file"]]'])
def test_a_file_is_uploaded(api: ApiServer, program: Asking, guest: Asking, places: str) -> None:
    program.answer(BUCKET)
    file_id = f"f{len(places)}"
    operations = json.dumps({"query": UPLOAD, "variables": {"file": None, "fileId": file_id}})
    parts = {"operations": operations, "map": places, "0": ("cat.txt", b"a cat")}
    answer = guest.client.post("/v1/graphql", files=_form(**parts)).json()
    assert answer["data"]["storageCreateFile"] == {"_id": file_id, "name": "cat.txt", "sizeOriginal": 5}
    kept = api.stored_objects()
    again = guest.client.post("/v1/graphql", files=_form(**parts)).json()
    assert again["errors"][0]["extensions"]["type"] == "storage_file_already_exists"
    assert api.stored_objects() == kept


def test_nothing_remains_of_a_file_that_nobody_takes(api: ApiServer, program: Asking, guest: Asking) -> None:
    program.answer(BUCKET)
    kept = api.stored_objects()
    file = ("cat.txt", b"a cat" * 100_000)
    operations = json.dumps({"query": UPLOAD, "variables": {"file": None, "fileId": "unused"}})
    where = '{"0": ["variables.file"]}'
    for parts, code in (
        ({"operations": operations.replace("sizeOriginal", "nothing"), "map": where, "0": file}, 200),
        ({"operations": operations.replace('\\"b\\"', '\\"no-bucket\\"'), "map": where, "0": file}, 200),
        ({"operations": operations, "0": file, "map": where}, 400),
        ({"0": file, "operations": operations, "map": where}, 400),
        ({"operations": operations, "map": where, "1": file}, 400),
        ({"operations": operations, "map": '{"0": ["variables.other"]}', "0": file}, 400),
        ({"operations": f"[{operations}]", "map": where, "0": file}, 400),
        ({"operations": "{", "map": where, "0": file}, 400),
        ({"operations": operations}, 200),
    ):
        answer = guest.client.post("/v1/graphql", files=_form(**parts))
        assert answer.status_code == code, answer.text
        assert code == 400 or answer.json()["errors"]
        assert api.stored_objects() == kept
    literal = 'mutation { storageCreateFile(bucketId: "b", fileId: "x", file: "text") { _id } }'
    assert "cannot be written into the query" in guest.answer(literal)["errors"][0]["message"]


def test_the_switches_of_the_project(api: ApiServer, program: Asking, guest: Asking) -> None:
    count = "{ localeListContinents { total } }"

    def switch(**changed: Any) -> None:
        def change(project: Project) -> Project:
            return replace(project, settings=msgspec.structs.replace(project.settings, **changed))

        api.run(lambda: api.instance.update_project(api.project, change))

    switch(disabled_protocols=frozenset({"graphql"}))
    refused = guest.client.post("/v1/graphql", json={"query": count})
    assert (refused.status_code, refused.json()["type"]) == (403, "general_api_disabled")
    assert program.data(count)
    switch(disabled_protocols=frozenset({"rest"}))
    assert guest.data(count)
    assert guest.client.get("/v1/locale/continents").status_code == 403
    switch(disabled_protocols=frozenset(), disabled_services=frozenset({"locale"}))
    assert guest.refused(count) == "general_service_disabled"
    switch(disabled_services=frozenset())


def test_rate_limits_count_by_field(guest: Asking) -> None:
    sign_in = (
        'accountCreateEmailPasswordSession(email: "nobody@example.com", password: "password 123") { _id }'
    )
    mutation = "mutation { " + " ".join(f"a{n}: {sign_in}" for n in range(12)) + " }"
    guest.client.headers["X-Forwarded-For"] = "203.0.113.9"
    types = [error["extensions"]["type"] for error in guest.answer(mutation)["errors"]]
    assert types[:10] == ["user_invalid_credentials"] * 10
    assert types[10:] == ["general_rate_limit_exceeded"] * 2


def test_presences_tell_that_they_came_by_graphql(program: Asking) -> None:
    program.answer('mutation { usersCreate(userId: "here", email: "here@example.com") { _id } }')
    query = (
        'mutation { presencesUpsert(presenceId: "here", status: "here", userId: "here") { source metadata } }'
    )
    assert program.data(query)["presencesUpsert"]["source"] == "graphql"


def test_rows_are_written_in_variables_and_literals(program: Asking) -> None:
    literal = """mutation { tablesDBCreateRow(databaseId: "d", tableId: "t", rowId: "literal",
      data: {title: "É", count: 7}) { _id _sequence _permissions data } }"""
    row = program.data(literal)["tablesDBCreateRow"]
    assert json.loads(row["data"]) == {"title": "É", "count": 7}
    within = ROW.replace("data: $data", "data: {title: $rowId, count: 1}").replace(", $data: Json!", "")
    made = program.data(within, rowId="within")["tablesDBCreateRow"]
    assert json.loads(made["data"]) == {"title": "within", "count": 1}
    one = '{ tablesDBListRows(databaseId: "d", tableId: "t", queries: "%s") { rows { _permissions data } } }'
    limit = json.dumps({"method": "limit", "values": [1]}).replace('"', '\\"')
    assert len(program.data(one % limit)["tablesDBListRows"]["rows"]) == 1


def test_a_query_that_is_asked_again_is_answered_by_its_variables_anew(program: Asking) -> None:
    for number in (1, 2):
        program.data(ROW, rowId=f"again-{number}", data={"title": f"N{number}", "count": number})
    query = """query($id: String!, $titled: Boolean = true) {
      fixed: tablesDBGetRow(databaseId: "d", tableId: "t", rowId: "again-1") {
        _id data @include(if: $titled)
      }
      same: tablesDBGetRow(databaseId: "d", tableId: "t", rowId: "again-1") { _id }
      given: tablesDBGetRow(databaseId: "d", tableId: "t", rowId: $id) { ... @skip(if: $titled) { _id } data }
    }"""
    for _ in range(2):
        for number in (1, 2):
            one, given = {"title": "N1", "count": 1}, {"title": f"N{number}", "count": number}
            answer = program.data(query, id=f"again-{number}")
            assert json.loads(answer["fixed"].pop("data")) == one
            assert json.loads(answer["given"].pop("data")) == given
            assert answer == {"fixed": {"_id": "again-1"}, "same": {"_id": "again-1"}, "given": {}}
            answer = program.data(query, id=f"again-{number}", titled=False)
            assert (answer["fixed"], answer["given"]["_id"]) == ({"_id": "again-1"}, f"again-{number}")
        program.data(ROW.replace("CreateRow", "UpsertRow"), rowId="again-1", data={"title": "N1", "count": 1})
    empty = '{ tablesDBGetRow(databaseId: "d", tableId: "t", rowId: "") { _id } }'
    for _ in range(2):
        assert program.refused(empty) == "general_route_not_found"
