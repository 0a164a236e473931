"""What a change or a deletion of many rows is limited to: said wrongly, it changes nothing."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.test_transactions import FAMILIES, Place, begin
from tidewire.core.ids import unique_id

ONE = '{"method":"equal","attribute":"%s","values":[1]}'
BOUNDARY = "----form"


@pytest.fixture(params=FAMILIES)
def place(request: pytest.FixtureRequest, program: httpx.Client) -> Place:
    """Three rows, of each family."""
    made = Place(request.param, unique_id())
    tables, rows = made.words
    assert program.post(f"/v1/{made.family}", json={"databaseId": made.database, "name": "D"}).is_success
    table: dict[str, Any] = {f"{tables[:-1]}Id": "t", "name": "T"}
    if made.family == "vectorsdb":
        table["dimension"] = 2
    elif made.family != "documentsdb":
        columns = "columns" if made.family == "tablesdb" else "attributes"
        table[columns] = [{"key": "n", "type": "integer"}]
    assert program.post(f"/v1/{made.family}/{made.database}/{tables}", json=table).is_success
    many = {rows: [{"$id": name, **made.data(n)} for n, name in enumerate("abc")]}
    assert program.post(made.path, json=many).is_success
    return made


def form(name: str, value: str, file: str = "") -> tuple[dict[str, str], bytes]:
    """Headers and body of a form with one part."""
    named = f'; filename="{file}"' if file else ""
    body = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n{value}\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return headers, f"{body}--{BOUNDARY}--\r\n".encode()


def test_incomplete_operations_refuse_the_whole_list(program: httpx.Client, place: Place) -> None:
    transaction = begin(program, place)
    first = place.operation("create", "new", place.data(9))
    incomplete = [
        place.operation("bulkDelete", None, {}),
        place.operation("bulkDelete", None, {"queries": None}),
        place.operation("bulkDelete", None, None),
        {**place.operation("bulkDelete", None, {}), "queries": []},
        place.operation("bulkUpdate", None, {"data": place.data(7)}),
        place.operation("bulkUpdate", None, {"data": place.data(7), "queries": "[]"}),
        place.operation("bulkDelete", "a", {"queries": []}),
        place.operation("bulkUpdate", "a", {"data": place.data(7), "queries": []}),
        {**place.operation("bulkDelete", None, {"queries": []}), "queries": [ONE % "n"]},
        place.operation("delete", None, None),
        place.operation("create", None, place.data(8)),
    ]
    for operation in incomplete:
        staged = program.post(
            f"{place.transactions}/{transaction}/operations", json={"operations": [first, operation]}
        )
        assert (staged.status_code, staged.json()["type"]) == (400, "general_argument_invalid"), operation
    ended = program.patch(f"{place.transactions}/{transaction}", json={"commit": True})
    assert (ended.status_code, ended.json()["operations"]) == (200, 0)
    assert program.get(place.path).json()["total"] == 3
    # An empty list says that all are meant.
    transaction = begin(program, place)
    everything = {"operations": [place.operation("bulkDelete", None, {"queries": []})]}
    assert program.post(f"{place.transactions}/{transaction}/operations", json=everything).is_success
    assert program.patch(f"{place.transactions}/{transaction}", json={"commit": True}).is_success
    assert program.get(place.path).json()["total"] == 0


def test_a_condition_that_cannot_be_read_is_not_passed_over(program: httpx.Client, place: Place) -> None:
    one = ONE % ("metadata.n" if place.family == "vectorsdb" else "n")
    encoded = f"queries[]={quote(one)}"
    many = "&".join(f"x{number}=1" for number in range(4_000))
    deep = "queries" + "[0]" * 65
    requests: list[dict[str, Any]] = [
        {"json": {"queries": None}},
        {"json": {"queries": ""}},
        {"json": {"queries": one}},
        {"json": {"queries": {}}},
        {"json": {"queries": [None]}},
        {"json": {"queries[]": [one]}},
        {"json": {"Queries": [one]}},
        {"json": {"queries ": [one]}},
        {"json": {"query": [one]}},
        {"json": {"queries.0": one}},
        {"json": {"$queries": [one]}},
        {"params": f"query[]={quote(one)}"},
        {"params": f"queries.0={quote(one)}"},
        {"params": f"queries[0]={quote(one)}&queries[0]={quote(one.replace('1', '2'))}"},
        {"params": f"{encoded}&queries[0]={quote(one.replace('1', '2'))}"},
        {"params": f"queries={quote(one)}&{encoded}"},
        {"params": f"queries[={quote(one)}"},
        {"params": f"queries]={quote(one)}"},
        {"params": f"Queries[]={quote(one)}"},
        {"params": encoded, "json": {"queries": []}},
        {"params": encoded, "json": {"queries": [one.replace("1", "2")]}},
        {"params": "queries="},
        {"params": "queries=null"},
        {"params": f"queries={quote(one)}"},
        {"params": f"{deep}={quote(one)}"},
        {"params": f"{many}&{encoded}"},
        {"headers": {"Content-Type": "application/x-www-form-urlencoded"}, "content": f"{many}&{encoded}"},
        {"headers": {"Content-Type": "text/plain"}, "content": json.dumps({"queries": [one]})},
        dict(zip(("headers", "content"), form("queries[]", one, "queries.json"), strict=True)),
    ]
    for request in requests:
        refused = program.request("DELETE", place.path, **request)
        assert (refused.status_code, refused.json()["type"]) == (400, "general_argument_invalid"), request
        if "headers" not in request:
            body = {"data": place.data(7), **request.get("json", {})}
            refused = program.patch(place.path, params=request.get("params"), json=body)
            assert (refused.status_code, refused.json()["type"]) == (400, "general_argument_invalid"), body
    rows = program.get(place.path).json()[place.words[1]]
    assert sorted(place.number(row) for row in rows) == [0, 1, 2]


@pytest.mark.parametrize("size", [0, 100_000])
def test_a_condition_that_is_given_twice_is_refused(program: httpx.Client, place: Place, size: int) -> None:
    """Of two members with one name, JSON decoders pass over the first."""
    one = ONE % ("metadata.n" if place.family == "vectorsdb" else "n")
    padding = f'"x": "{"x" * size}"'
    twice = [
        f'"queries": [{json.dumps(one)}], {padding}, "queries": []',
        f'{padding}, "queries": [{json.dumps(one)}], "queri\\u0065s": []',
    ]
    data = f'"data": {json.dumps(place.data(7))}'
    requests = [("DELETE", place.path, f"{{{each}}}") for each in twice]
    requests += [("PATCH", place.path, f"{{{data}, {each}}}") for each in twice]
    staging = f"{place.transactions}/{begin(program, place)}/operations"
    for each in twice:
        operation = json.dumps(place.operation("bulkDelete", None, {})).replace("{}", f"{{{each}}}")
        requests.append(("POST", staging, f'{{"operations": [{operation}]}}'))
    for method, path, content in requests:
        json_type = {"Content-Type": "application/json"}
        refused = program.request(method, path, headers=json_type, content=content)
        assert (refused.status_code, refused.json()["type"]) == (400, "general_argument_invalid"), content[
            :300
        ]
        assert "stands twice" in refused.json()["message"]
    assert program.get(place.path).json()["total"] == 3


def test_a_condition_counts_wherever_it_stands(program: httpx.Client, place: Place) -> None:
    one = ONE % ("metadata.n" if place.family == "vectorsdb" else "n")
    changed = program.patch(place.path, params={"queries[]": one}, json={"data": place.data(1)})
    assert (changed.status_code, changed.json()["total"]) == (200, 1)
    headers, body = form("other", "x")
    gone = program.request("DELETE", place.path, params={"queries[]": one}, headers=headers, content=body)
    assert (gone.status_code, gone.json()["total"]) == (200, 1)
    headers, body = form("queries[]", one)
    gone = program.request("DELETE", place.path, headers=headers, content=body)
    assert (gone.status_code, gone.json()["total"]) == (200, 0)
    assert program.get(place.path).json()["total"] == 2
