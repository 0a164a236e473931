"""How parameters arrive: query strings, JSON and forms, in every spelling of the SDKs."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest


def _arguments(response: httpx.Response) -> dict[str, Any]:
    assert response.is_success, response.text
    arguments: dict[str, Any] = response.json()["arguments"]
    return arguments


def _error(response: httpx.Response) -> tuple[int, str, str]:
    body = response.json()
    return response.status_code, body["type"], body["message"]


@pytest.mark.parametrize(
    "query",
    [
        "tags[0]=x&tags[1]=y",
        "tags[]=x&tags[]=y",
        "tags%5B0%5D=x&tags%5B1%5D=y",
        "tags%5B%5D=x&tags%5B%5D=y",
        "tags[3]=x&tags[7]=y",
        "tags[a]=x&tags[b]=y",
    ],
)
def test_lists_in_query_strings(client: httpx.Client, query: str) -> None:
    assert _arguments(client.get(f"/v1/probe/p?{query}"))["tags"] == ["x", "y"]


@pytest.mark.parametrize(
    ("query", "name", "value"),
    [
        ("", "number", 7),
        ("number=12", "number", 12),
        ("number=null", "number", 7),
        ("flag=true", "flag", True),
        ("flag=1", "flag", True),
        ("flag=false", "flag", False),
        ("flag=null", "flag", False),
        ("text=null", "text", "null"),
        ("text=a+b%26", "text", "a b&"),
        ("maybe=null", "maybe", None),
        ("maybe=x", "maybe", "x"),
        ("tags=null", "tags", []),
        ("unknown=1&x[y][z]=2", "number", 7),
    ],
)
def test_query_values(client: httpx.Client, query: str, name: str, value: object) -> None:
    assert _arguments(client.get(f"/v1/probe/p?{query}"))[name] == value


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("number=x", "Invalid `number` param: "),
        ("number=101", "Invalid `number` param: "),
        ("number[]=1", "Invalid `number` param: "),
        ("number=1.5", "Invalid `number` param: "),
        ("flag=yes", "Invalid `flag` param: "),
        ("text=", "Invalid `text` param: "),
        ("text=%00", "Invalid `text` param: "),
        ("tags=x", "Invalid `tags` param: "),
        ("tags[]=", "Invalid `tags` param: "),
        ("tags[0][0]=x", "Invalid `tags` param: "),
    ],
)
def test_bad_query_values(client: httpx.Client, query: str, message: str) -> None:
    status, kind, text = _error(client.get(f"/v1/probe/p?{query}"))
    assert (status, kind) == (400, "general_argument_invalid")
    assert text.startswith(message)


@pytest.mark.parametrize(
    "path",
    [
        "%2e%2e",
        "a%2Fb",
        "a%00",
        "_a",
        "-a",
        "a" * 37,
        "%20",
        "a%5Cb",
        "%C3%A9",
        "a%0Ab",
        "unique()",
    ],
)
def test_bad_ids_in_paths(client: httpx.Client, path: str) -> None:
    request = client.build_request("GET", "/v1/probe/x")
    request.url = request.url.copy_with(raw_path=f"/v1/probe/{path}".encode())
    status, kind, text = _error(client.send(request))
    assert (status, kind) == (400, "general_argument_invalid")
    assert text.startswith("Invalid `probeId` param: ")


def test_fixed_path_wins(client: httpx.Client) -> None:
    assert _arguments(client.get("/v1/probe/fixed")) == {"fixed": True}


def test_missing_parameter(client: httpx.Client) -> None:
    for body in ({}, {"name": None}, {"Name": "x"}):
        assert _error(client.post("/v1/probe/p", json=body)) == (
            400,
            "general_argument_invalid",
            'Param "name" is not optional.',
        )


def test_json_body(client: httpx.Client) -> None:
    body = {
        "name": "é",
        "tags": ["a"],
        "permissions": ['read("any")'],
        "data": {"a": [1, {"b": None}]},
        "kind": "b",
        "flag": "true",
        "unknown": {"ignored": True},
    }
    del (expected := dict(body))["unknown"]
    assert _arguments(client.post("/v1/probe/p", json=body)) == {**expected, "flag": True, "probeId": "p"}


@pytest.mark.parametrize("body", [b"[]", b" [ ] ", b"[" + b" " * 100_000 + b"]"])
def test_an_empty_list_is_an_empty_object(client: httpx.Client, body: bytes) -> None:
    """PHP has one empty array for both, and its clients send it where there are no parameters."""
    json_type = {"Content-Type": "application/json"}
    deleted = client.request("DELETE", "/v1/probe/p?flag=true", content=body, headers=json_type)
    assert _arguments(deleted) == {"probeId": "p", "flag": True}
    refused = client.post("/v1/probe/p", content=body, headers=json_type)
    assert _error(refused)[2] == 'Param "name" is not optional.'


def test_an_empty_list_is_an_empty_object_as_a_parameter_too(client: httpx.Client) -> None:
    assert _arguments(client.post("/v1/probe/p", json={"name": "x", "data": []}))["data"] == {}


def test_nulls_are_defaults(client: httpx.Client) -> None:
    body = {"name": "x", "tags": None, "permissions": None, "data": None, "kind": None, "flag": None}
    arguments = _arguments(client.post("/v1/probe/p", json=body))
    assert (arguments["tags"], arguments["permissions"], arguments["kind"], arguments["flag"]) == (
        [],
        None,
        "a",
        False,
    )


def test_json_without_content_type(client: httpx.Client) -> None:
    assert _arguments(client.post("/v1/probe/p", content=b'{"name":"x"}'))["name"] == "x"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1]",
        b"[[]]",
        b"1",
        b"null",
        b'"x"',
        b'{"name":"\xff"}',
        b'{"name":"\\ud800"}',
        b'{"name":NaN}',
        b'{"name":"x"} x',
        b'{"name":"x","data":' + b"[" * 90_000 + b"]" * 90_000 + b"}",
        b'{"name":"x","data":{"a":' + b"[" * 900 + b"]" * 900 + b"}}",
        b'{"name":"x","data":{"a":' + b'{"b":' * 200 + b"1" + b"}" * 200 + b"}}",
    ],
)
def test_bad_json(client: httpx.Client, body: bytes) -> None:
    response = client.post("/v1/probe/p", content=body, headers={"Content-Type": "application/json"})
    assert _error(response)[:2] == (400, "general_argument_invalid")


def test_deep_json_within_the_limit(client: httpx.Client) -> None:
    deep: object = 1
    for _ in range(120):
        deep = [deep]
    assert _arguments(client.post("/v1/probe/p", json={"name": "x", "data": {"a": deep}}))["data"] == {
        "a": deep
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", 5),
        ("name", ""),
        ("name", "123456789"),
        ("name", ["x"]),
        ("tags", "x"),
        ("tags", {"0": "x"}),
        ("tags", [None]),
        ("tags", ["x"] * 101),
        ("permissions", ["read"]),
        ("permissions", [1]),
        ("permissions", ['create("any")']),
        ("data", [1]),
        ("data", [[]]),
        ("data", "{}"),
        ("data", {"a": "x" * 1000}),
        ("kind", "c"),
        ("kind", ["a"]),
        ("flag", 2),
        ("flag", {}),
        ("flag", 1e400),
    ],
)
def test_bad_json_values(client: httpx.Client, name: str, value: object) -> None:
    body = json.dumps({"name": "x", name: value}).replace("Infinity", "1e400")
    status, kind, text = _error(client.post("/v1/probe/p", content=body))
    assert (status, kind) == (400, "general_argument_invalid")
    assert text.startswith((f"Invalid `{name}` param: ", "The request body is not valid JSON"))


def test_form_body(client: httpx.Client) -> None:
    form = {"name": "x y", "tags[]": ["a", "b"], "flag": "1", "data[k][0]": "v"}
    arguments = _arguments(client.post("/v1/probe/p", data=form))
    assert (arguments["name"], arguments["tags"], arguments["flag"]) == ("x y", ["a", "b"], True)
    assert arguments["data"] == {"k": ["v"]}


def test_multipart_body_of_an_operation_without_file(client: httpx.Client) -> None:
    parts: list[tuple[str, tuple[str | None, str | bytes]]] = [
        ("name", (None, "x")),
        ("tags[0]", (None, "a")),
        ("tags[1]", (None, "b")),
    ]
    arguments = _arguments(client.post("/v1/probe/p", files=parts))
    assert (arguments["name"], arguments["tags"]) == ("x", ["a", "b"])


def test_other_content_types_are_refused(client: httpx.Client) -> None:
    response = client.post("/v1/probe/p", content=b"name: x", headers={"Content-Type": "text/yaml"})
    assert _error(response)[:2] == (400, "general_argument_invalid")


def test_delete_reads_the_body_then_the_query_string(client: httpx.Client) -> None:
    assert _arguments(client.delete("/v1/probe/p")) == {"probeId": "p", "flag": False}
    assert _arguments(client.request("DELETE", "/v1/probe/p", json={"flag": True}))["flag"] is True
    assert _arguments(client.request("DELETE", "/v1/probe/p?flag=true"))["flag"] is True
    both = client.request("DELETE", "/v1/probe/p?flag=true", json={"flag": False})
    assert _arguments(both)["flag"] is False
    assert _error(client.delete("/v1/probe/p?flag=x"))[:2] == (400, "general_argument_invalid")


def test_get_does_not_read_the_body(client: httpx.Client) -> None:
    assert _arguments(client.request("GET", "/v1/probe/p", json={"number": 3}))["number"] == 7


def test_older_path(client: httpx.Client) -> None:
    assert _arguments(client.post("/v1/old/p", json={"name": "x"}))["probeId"] == "p"
