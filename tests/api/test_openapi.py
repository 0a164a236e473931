"""The OpenAPI document covers every operation and describes itself correctly."""

from __future__ import annotations

from typing import Any

import httpx

from tests.api.probe import operations as probe
from tidewire.api.openapi import documented_path, openapi_document
from tidewire.api.registry import Registry
from tidewire.services import ALL_OPERATIONS

OPERATIONS = Registry(ALL_OPERATIONS).operations


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        found = {value["$ref"]} if "$ref" in value else set()
        return found.union(*map(_references, value.values()))
    return set().union(*map(_references, value)) if isinstance(value, list) else set()


def test_served_to_anyone(client: httpx.Client) -> None:
    del client.headers["X-Appwrite-Project"]
    response = client.get("/v1/openapi.json")
    assert response.headers["content-type"] == "application/json; charset=UTF-8"
    document = response.json()
    assert document["openapi"] == "3.1.0"
    assert "/probe/{probeId}" in document["paths"]
    assert len(document["paths"]) > len(probe.declared)
    assert client.head("/v1/openapi.json").status_code == 200


def test_every_operation() -> None:
    document = openapi_document(OPERATIONS)
    ids = []
    for operation in OPERATIONS:
        for path in (operation.path, *operation.aliases):
            described = document["paths"][documented_path(operation, path)][operation.method.lower()]
            ids.append(described["operationId"])
            names = {parameter["name"] for parameter in described["parameters"]}
            if "requestBody" in described:
                (content,) = described["requestBody"]["content"].values()
                names |= content["schema"]["properties"].keys()
            assert names == {parameter.name for parameter in operation.parameters}
            assert str(operation.status) in described["responses"]
            assert described["summary"]
    assert len(ids) == len(set(ids))


def test_every_reference_leads_somewhere() -> None:
    document = openapi_document(OPERATIONS)
    assert _references(document) <= {
        f"#/components/schemas/{name}" for name in document["components"]["schemas"]
    }


def test_an_upload_is_a_form_with_a_file() -> None:
    path = openapi_document(OPERATIONS)["paths"]["/storage/buckets/{bucketId}/files"]
    schema = path["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert schema["properties"]["file"] == {"type": "string", "format": "binary"}
    assert schema["required"] == ["fileId", "file"]
