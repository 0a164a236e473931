"""Lists of rows over HTTP: kept ones, how long they may take, how much they may show."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from tests.api.test_transactions import FAMILIES, Place
from tests.support.api import running_api
from tests.support.responses import checked_client
from tidewire.api.responses import encode_in_pieces
from tidewire.core.ids import unique_id
from tidewire.core.scopes import PROJECT_KEY_SCOPES
from tidewire.services import ALL_OPERATIONS
from tidewire.settings import Settings


def encoded(method: str, *values: Any, attribute: str = "") -> str:
    return (
        f"queries[]={quote(json.dumps({'method': method, 'attribute': attribute, 'values': list(values)}))}"
    )


@pytest.fixture(params=FAMILIES)
def place(request: pytest.FixtureRequest, program: httpx.Client) -> Place:
    """Two rows that anybody may read, of each family."""
    made = Place(request.param, unique_id())
    tables, rows = made.words
    assert program.post(f"/v1/{made.family}", json={"databaseId": made.database, "name": "D"}).is_success
    table: dict[str, Any] = {f"{tables[:-1]}Id": "t", "name": "T", "permissions": ['read("any")']}
    if made.family == "vectorsdb":
        table["dimension"] = 2
    elif made.family != "documentsdb":
        columns = "columns" if made.family == "tablesdb" else "attributes"
        table[columns] = [{"key": "n", "type": "integer"}]
    assert program.post(f"/v1/{made.family}/{made.database}/{tables}", json=table).is_success
    many = {rows: [{"$id": name, **made.data(n)} for n, name in enumerate("ab")]}
    assert program.post(made.path, json=many).is_success
    return made


def test_a_list_is_kept_until_something_in_it_changes(
    program: httpx.Client, client: httpx.Client, place: Place
) -> None:
    def kept(query: str, caller: httpx.Client = program) -> tuple[str | None, int, int]:
        answer = caller.get(f"{place.path}?{query}")
        listed = answer.json()
        return answer.headers.get("x-appwrite-cache"), listed["total"], len(listed[place.words[1]])

    assert kept("ttl=60") == ("miss", 2, 2)
    assert kept("ttl=60") == ("hit", 2, 2)
    assert kept("") == kept("ttl=0") == (None, 2, 2)
    assert kept("ttl=60&total=false") == ("hit", 0, 2)
    assert kept(f"ttl=60&{encoded('limit', 1)}") == ("miss", 2, 1)
    assert kept(f"ttl=60&total=false&{encoded('limit', 2)}") == ("miss", 0, 2)
    assert kept(f"ttl=60&{encoded('limit', 2)}") == ("hit", 2, 2)
    # Others have roles of their own.
    assert kept("ttl=60", client) == ("miss", 2, 2)
    assert kept("ttl=60", client) == ("hit", 2, 2)
    time.sleep(1.1)
    assert kept("ttl=1") == ("miss", 2, 2)
    table = place.path.rpartition("/")[0]
    name = {"name": "T", "permissions": ['read("any")']}
    if place.family != "vectorsdb":
        assert program.put(table, json={**name, "name": "Renamed"}).is_success
        assert kept("ttl=60") == ("hit", 2, 2)
        assert program.put(table, json={**name, "purge": True}).is_success
        assert kept("ttl=60") == ("miss", 2, 2)
    created = program.post(place.path, json={f"{place.words[1][:-1]}Id": "c", "data": place.data(3)})
    assert created.is_success
    assert kept("ttl=60") == ("miss", 3, 3)
    assert kept("ttl=60", client) == ("miss", 3, 3)
    assert program.request("DELETE", f"{place.path}/c").status_code == 204
    assert kept("ttl=60") == ("miss", 2, 2)
    assert program.put(table, json={"name": "T", "permissions": []}).is_success
    refused = client.get(f"{place.path}?ttl=60")
    assert (refused.status_code, "x-appwrite-cache" in refused.headers) == (401, False)


def test_a_client_may_give_up_early(program: httpx.Client, place: Place) -> None:
    heavy = encoded("regex", "(a|b)*c", attribute="metadata.t" if place.family == "vectorsdb" else "t")
    if place.family in {"tablesdb", "databases"}:
        columns = "columns" if place.family == "tablesdb" else "attributes"
        table = place.path.rpartition("/")[0]
        assert program.post(f"{table}/{columns}/longtext", json={"key": "t", "required": False}).is_success
    text = {"t": "ab" * 50_000}
    for row in "ab":
        data = {"metadata": text} if place.family == "vectorsdb" else text
        assert program.patch(f"{place.path}/{row}", json={"data": data}).is_success
    late = program.get(f"{place.path}?{heavy}", headers={"X-Appwrite-Timeout": "1"})
    assert (late.status_code, late.json()["type"]) == (408, "database_timeout")
    for patient in ("100000", "999999999999", "0", "-5", "soon", ""):
        assert program.get(f"{place.path}?{heavy}", headers={"X-Appwrite-Timeout": patient}).is_success


def test_who_gives_up_early_is_told_that_before_how_large_it_is(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=str(tmp_path), synchronous="normal", list_bytes_max=3_000_000, rate_limits=False
    )
    with running_api(settings, ALL_OPERATIONS) as server:
        headers = {
            "X-Appwrite-Project": server.project,
            "X-Appwrite-Key": server.create_key(sorted(PROJECT_KEY_SCOPES)),
        }
        with checked_client(base_url=server.url, headers=headers, timeout=60) as program:
            assert program.post("/v1/tablesdb", json={"databaseId": "d", "name": "d"}).is_success
            table = {"tableId": "t", "name": "t", "columns": [{"key": "t", "type": "longtext"}]}
            assert program.post("/v1/tablesdb/d/tables", json=table).is_success
            rows = "/v1/tablesdb/d/tables/t/rows"
            for name in "abcd":
                row = {"rowId": name, "data": {"t": "ä" * 1_000_000}}
                assert program.post(rows, json=row).is_success
            other = encoded("notEqual", "x", attribute="t")
            refused = program.get(f"{rows}?{other}")
            assert (refused.status_code, refused.json()["type"]) == (400, "general_query_invalid")
            late = program.get(f"{rows}?{other}", headers={"X-Appwrite-Timeout": "1"})
            assert (late.status_code, late.json()["type"]) == (408, "database_timeout")


def test_a_long_list_is_answered_in_pieces(program: httpx.Client, place: Place) -> None:
    """Each a fraction of a millisecond for the encoder; whether or not it can be written at once."""
    if place.family != "tablesdb":
        pytest.skip("the same code serves all families")
    column = {"key": "text", "size": 4000, "required": False}
    path = f"/v1/tablesdb/{place.database}/tables/t"
    assert program.post(f"{path}/columns/string", json=column).is_success
    for start in range(0, 1000, 100):
        many = [{"$id": f"long{start + number}", "text": f"{number} " * 500} for number in range(100)]
        assert program.post(f"{path}/rows", json={"rows": many}).is_success
    order = quote(json.dumps({"method": "orderAsc", "attribute": "$id"}))
    asked = f"{path}/rows?{encoded('limit', 5000)}&queries[]={order}"
    plain = program.get(asked, headers={"Accept-Encoding": "identity"})
    rows = plain.json()["rows"]
    assert (plain.json()["total"], len(rows)) == (1002, 1002)
    assert len(plain.content) > 1024 * 1024
    assert [row["$id"] for row in rows] == sorted(row["$id"] for row in rows)
    assert {len(row["text"]) for row in rows if row["text"]} == {1000, 1500}
    for headers in ({}, {"Connection": "close"}, {"Connection": "close", "Accept-Encoding": "identity"}):
        other = program.get(asked, headers=headers)
        assert other.json() == plain.json()
        assert ("content-encoding" in other.headers) == ("Accept-Encoding" not in headers)
    head = program.head(asked, headers={"Accept-Encoding": "identity"})
    assert (head.content, head.headers["content-length"]) == (b"", str(len(plain.content)))


def test_the_pieces_of_a_long_list_are_small() -> None:
    rows = [{"$id": f"r{number}", "text": "x" * 200} for number in range(20_000)]
    whole = msgspec.json.encode({"total": 20_000, "rows": rows, "none": []})
    pieces = encode_in_pieces({"total": 20_000, "rows": rows, "none": []}, len(whole), gzip=False)
    assert b"".join(pieces) == whole
    assert max(map(len, pieces)) < 128 * 1024


def test_a_limit_is_any_number_and_what_is_shown_is_bounded(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=str(tmp_path), synchronous="normal", list_bytes_max=100_000, rate_limits=False
    )
    with running_api(settings, ALL_OPERATIONS) as server:
        headers = {
            "X-Appwrite-Project": server.project,
            "X-Appwrite-Key": server.create_key(sorted(PROJECT_KEY_SCOPES)),
        }
        with checked_client(base_url=server.url, headers=headers, timeout=60) as program:
            assert program.post("/v1/tablesdb", json={"databaseId": "d", "name": "d"}).is_success
            assert program.post("/v1/tablesdb/d/tables", json={"tableId": "t", "name": "t"}).is_success
            rows = "/v1/tablesdb/d/tables/t/rows"
            paths = [rows, "/v1/databases/d/collections/t/documents", "/v1/users", "/v1/teams"]
            paths += ["/v1/storage/buckets", "/v1/tablesdb", "/v1/tablesdb/d/tables", "/v1/project/keys"]
            for path in paths:
                assert program.get(f"{path}?{encoded('limit', 1_000_000)}").is_success, path
            for start in range(0, 400, 100):
                many = {"rows": [{"$id": f"r{number}"} for number in range(start, start + 100)]}
                assert program.post(rows, json=many).is_success
            for number in range(120):
                body = {"teamId": f"t{number}", "name": f"{number} " + "x" * 120}
                assert program.post("/v1/teams", json=body).is_success
                prefs = {"prefs": {"p": "y" * 1_000}}
                assert program.put(f"/v1/teams/t{number}/prefs", json=prefs).is_success
            assert len(program.get(f"{rows}?{encoded('limit', 300)}").json()["rows"]) == 300
            assert len(program.get(f"/v1/teams?{encoded('limit', 90)}").json()["teams"]) == 90
            for path, error in ((rows, "general_query_invalid"), ("/v1/teams", "general_argument_invalid")):
                refused = program.get(f"{path}?{encoded('limit', 10_000)}")
                assert (refused.status_code, refused.json()["type"]) == (400, error)
                assert "100000 bytes" in refused.json()["message"]


def test_wrong_queries_of_lists_that_are_not_rows(program: httpx.Client, place: Place) -> None:
    table = place.path.rpartition("/")[0]
    transactions = f"/v1/{place.family}/transactions"
    lists = [f"/v1/{place.family}", table.rpartition("/")[0], f"{table}/indexes", transactions, "/v1/users"]
    lists += ["/v1/teams", "/v1/storage/buckets", "/v1/presences", "/v1/webhooks", "/v1/project/platforms"]
    for path in lists:
        for wrong in (
            "queries[]=x",
            encoded("nope"),
            encoded("equal", 1, attribute="nope"),
            encoded("limit", -1),
        ):
            refused = program.get(f"{path}?{wrong}")
            assert (refused.status_code, refused.json()["type"]) == (400, "general_argument_invalid"), path
            assert refused.json()["message"].startswith("Invalid `queries` param: Invalid query: ")
    for path in (place.path, f"{place.path}/a"):
        refused = program.get(f"{path}?queries[]=x")
        assert (refused.status_code, refused.json()["type"]) == (400, "general_query_invalid"), path


def test_data_may_be_the_text_of_an_object(program: httpx.Client, place: Place) -> None:
    row = f"{place.words[1][:-1]}Id"
    text = json.dumps(place.data(7))
    assert program.post(place.path, json={row: "text", "data": text}).is_success
    assert program.post(
        place.path, json={place.words[1]: [json.dumps({"$id": "x", **place.data(8)})]}
    ).is_success
    assert program.patch(f"{place.path}/text", json={"data": [], "permissions": []}).is_success
    for wrong in ("[]", "[1]", "7", "null", "text", "{", '"{}"', ""):
        refused = program.patch(f"{place.path}/text", json={"data": wrong})
        assert (refused.status_code, refused.json()["type"]) == (400, "general_argument_invalid"), wrong
        assert "Invalid `data` param" in refused.json()["message"]
        assert "Value must be a valid JSON object" in refused.json()["message"]
        refused = program.post(place.path, json={place.words[1]: [wrong]})
        assert (refused.status_code, refused.json()["type"]) == (400, "general_argument_invalid"), wrong
        assert f"Invalid `{place.words[1]}` param" in refused.json()["message"]
