"""Requests by REST asked by GraphQL instead, and their answers turned back: one test for both protocols."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from graphql import (
    GraphQLField,
    GraphQLSchema,
    get_named_type,
    is_interface_type,
    is_leaf_type,
    is_list_type,
    is_object_type,
)
from tidewire.api.bodies import from_query
from tidewire.api.registry import Match, Registry
from tidewire.core.errors import TidewireError
from tidewire.graphql.schema import build, field_of
from tidewire.services import ALL_OPERATIONS

_DEEPEST = 3
"""Objects within each other whose fields are asked for."""


@cache
def _world() -> tuple[Registry, GraphQLSchema]:
    registry = Registry(ALL_OPERATIONS)
    return registry, build(registry.operations)


def asked_by_graphql(
    client: httpx.Client, method: str, path: str, body: Any, headers: Mapping[str, str]
) -> httpx.Response | None:
    """The answer to a request for an operation at ``path`` below ``/v1``, asked by GraphQL.

    None if there is no such field: the path leads nowhere, or is one of an earlier version.
    """
    registry, schema = _world()
    parts = urlsplit(path)
    match = registry.route(method, parts.path)
    if match is None or match.route.older or not (body is None or isinstance(body, dict)):
        return None
    in_url = _plain(from_query(parts.query.encode()).values)
    given = dict(body or {}) | in_url
    try:
        match = match.chosen(given)
    except TidewireError:
        return None
    operation = match.endpoint.operation
    root = schema.query_type if operation.method == "GET" else schema.mutation_type
    assert root is not None
    field = root.fields[field_of(operation.name)]
    arguments = {
        name: _as(field, name, value)
        for name, value in _arguments(match, given).items()
        if name in field.args
    }
    query = _query(root.name.lower(), field_of(operation.name), field, arguments)
    answer = client.post(
        "/v1/graphql",
        json={"query": query, "variables": arguments},
        headers=headers,
        params={name: value for name, value in in_url.items() if name not in field.args},
    )
    if answer.status_code != 200:
        return answer
    return _turned_back(answer, operation.status, field, field_of(operation.name))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Lists in query strings look like mappings."""
    return {name: list(each.values()) if isinstance(each, dict) else each for name, each in values.items()}


def _arguments(match: Match, given: Mapping[str, Any]) -> dict[str, Any]:
    return {**given, **match.values}


def _as(field: GraphQLField, name: str, value: Any) -> Any:
    """Text of a query string as the type of the argument has it."""
    if not isinstance(value, str) or name not in field.args:
        return value
    kind = str(get_named_type(field.args[name].type))
    if kind == "Boolean" and value in {"true", "false"}:
        return value == "true"
    return int(value) if kind == "Int" and value.lstrip("-").isdigit() else value


def _query(root: str, name: str, field: GraphQLField, arguments: Mapping[str, Any]) -> str:
    declared = ", ".join(f"${each}: {field.args[each].type}" for each in arguments)
    passed = ", ".join(f"{each}: ${each}" for each in arguments)
    head = f"{root}({declared})" if arguments else root
    call = f"{name}({passed})" if arguments else name
    return f"{head} {{ {call} {_selection(field.type, 0)} }}"


def _selection(type_: Any, depth: int) -> str:
    named: Any = get_named_type(type_)
    if is_leaf_type(named):
        return ""
    fields = [
        f"{name} {_selection(each.type, depth + 1)}"
        for name, each in named.fields.items()
        if depth < _DEEPEST or is_leaf_type(get_named_type(each.type))
    ]
    return "{ " + " ".join(fields) + " }"


def _turned_back(answer: httpx.Response, status: int, field: GraphQLField, name: str) -> httpx.Response:
    told = answer.json()
    headers = [(key, value) for key, value in answer.headers.multi_items() if not key.startswith("content-")]
    if told.get("errors"):
        first = told["errors"][0]
        extensions = first["extensions"]
        error = {"message": first["message"], **extensions, "version": ""}
        return httpx.Response(extensions["code"], headers=headers, json=error, request=answer.request)
    type_: Any = field.type
    if get_named_type(type_).name == "None":
        return httpx.Response(status, headers=headers, request=answer.request)
    value = _with_wire_names(told["data"][name], type_)
    return httpx.Response(status, headers=headers, json=value, request=answer.request)


def _with_wire_names(value: Any, type_: Any) -> Any:
    if value is None:
        return None
    if is_list_type(type_):
        return [_with_wire_names(each, type_.of_type) for each in value]
    if not (is_object_type(type_) or is_interface_type(type_)):
        return value
    made: dict[str, Any] = {}
    for name, each in value.items():
        if name == "data" and _is_dynamic(type_):
            made |= json.loads(each)
        else:
            made["$" + name[1:] if name.startswith("_") else name] = _with_wire_names(
                each, type_.fields[name].type
            )
    return made


def _is_dynamic(type_: Any) -> bool:
    return all(name.startswith("_") or name == "data" for name in type_.fields)
