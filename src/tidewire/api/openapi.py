"""The OpenAPI 3.1 document of the API, generated from the declarations of its operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

import tidewire
from tidewire.api.errors import ErrorBody
from tidewire.core.errors import ERROR_CODES, SHOWN_STATUSES
from tidewire.core.operations import Operation
from tidewire.core.parameters import Parameter

_SCHEMA: Final = "#/components/schemas/{name}"
_SECURITY_SCHEMES: Final = {
    name: {"type": "apiKey", "in": "header", "name": header, "description": meaning}
    for name, header, meaning in (
        ("Project", "X-Appwrite-Project", "Id of the project."),
        ("Key", "X-Appwrite-Key", "Secret of an API key."),
        ("Session", "X-Appwrite-Session", "A session, as its cookie `a_session_<project>` has it."),
        ("JWT", "X-Appwrite-JWT", "A JWT made from a session."),
    )
}


def openapi_document(operations: Sequence[Operation]) -> dict[str, Any]:
    """Build the document; the order of the operations is kept."""
    models = [model for operation in operations for model in operation.models]
    _, schemas = msgspec.json.schema_components([ErrorBody, *dict.fromkeys(models)], ref_template=_SCHEMA)
    schemas["ErrorBody"]["properties"]["type"]["enum"] = sorted(ERROR_CODES)
    schemas["ErrorBody"]["properties"]["code"]["enum"] = sorted({*SHOWN_STATUSES, 500})
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        for number, path in enumerate((operation.path, *operation.aliases)):
            described = paths.setdefault(documented_path(operation, path), {})
            described[operation.method.lower()] = _operation(operation, number)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tidewire", "version": tidewire.__version__},
        "servers": [{"url": "/v1"}],
        "tags": [{"name": name} for name in dict.fromkeys(operation.service for operation in operations)],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SECURITY_SCHEMES},
    }


def documented_path(operation: Operation, path: str) -> str:
    """The key of a path; operations that share one are told apart by the parameter that chooses them."""
    return f"{path}#{operation.chosen_by}" if operation.chosen_by else path


def _operation(operation: Operation, alias: int) -> dict[str, Any]:
    """The description of an operation at its path (``alias`` 0) or at one of its older paths."""
    described: dict[str, Any] = {
        "operationId": operation.name.replace(".", "_") + (f"_{alias}" if alias else ""),
        "summary": operation.summary,
        "tags": [operation.service],
        "parameters": [
            {
                "name": parameter.name,
                "in": parameter.location,
                "required": parameter.required,
                "schema": _parameter_schema(parameter),
            }
            for parameter in operation.parameters
            if parameter.location != "body"
        ],
        "security": [
            {"Project": []},
            {"Project": [], "Session": []},
            {"Project": [], "JWT": []},
            {"Project": [], "Key": []},
        ],
        "x-scopes": list(operation.scopes),
        "responses": {str(operation.status): _success(operation), "default": _failure()},
    }
    if alias:
        described["deprecated"] = True
    body = [parameter for parameter in operation.parameters if parameter.location == "body"]
    if body:
        described["requestBody"] = _body(operation, body)
    return described


def _body(operation: Operation, parameters: Sequence[Parameter]) -> dict[str, Any]:
    required = [parameter.name for parameter in parameters if parameter.required]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {parameter.name: _parameter_schema(parameter) for parameter in parameters},
    }
    if required:
        schema["required"] = required
    content_type = "multipart/form-data" if operation.multipart else "application/json"
    return {"required": bool(required), "content": {content_type: {"schema": schema}}}


def _parameter_schema(parameter: Parameter) -> dict[str, Any]:
    schema = dict(parameter.check.schema())
    if parameter.nullable and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    if not parameter.required and parameter.default is not msgspec.UNSET:
        schema["default"] = parameter.default
    return schema


def _success(operation: Operation) -> dict[str, Any]:
    if operation.kind == "empty":
        return {"description": "Done; no content."}
    if operation.kind == "redirect":
        return {
            "description": "The browser goes on there.",
            "headers": {"Location": {"schema": {"type": "string"}}},
        }
    if operation.kind == "text":
        return {"description": "Done.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    if operation.kind == "binary" or operation.model is None:
        return {"description": "The content.", "content": {"*/*": {}}}
    schemas = [{"$ref": _SCHEMA.format(name=model.__name__)} for model in operation.models]
    schema = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
    return {"description": "Done.", "content": {"application/json": {"schema": schema}}}


def _failure() -> dict[str, Any]:
    return {
        "description": "Refused or failed; `type` says why.",
        "content": {"application/json": {"schema": {"$ref": _SCHEMA.format(name="ErrorBody")}}},
    }
