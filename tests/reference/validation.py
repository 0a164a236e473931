"""Holds JSON values against the response models of the catalog."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.reference.catalog import enums, error_types, models

_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}
ADDED_FIELDS = {
    "ConsoleVariables": {"supportForAttributes"},
    "AlgoSha": {"version"},
    "AlgoScrypt": {"salt"},
    "ProjectService": {"available"},
}
"""Fields that clients look for though the catalog lacks them, and those of Tidewire's own."""
EMPTY_TIMES = {"renewAt"}
"""Fields for times that are empty where there is no such time, though the catalog does not say so."""
OWN_TYPES = {"general_content_too_large": 413, "general_not_implemented": 501}
"""Types of errors that no other server has, or that have another status there."""
SHOWN = {400, 401, 402, 403, 404, 405, 408, 409, 410, 412, 413, 416, 422, 429, 451, 501, 503}


def model_problems(model: str | list[str], value: Any) -> list[str]:
    """Everything that keeps ``value`` from being an object of the model, or of the one it says it is of."""
    if isinstance(model, list):
        return list(_one_of(model, value, "answer"))
    return list(_object(model, value, model))


def error_problems(status: int, value: Any) -> list[str]:
    """Everything that keeps ``value`` from being the body of an error with this HTTP status."""
    if not isinstance(value, dict) or set(value) != {"message", "code", "type", "version"}:
        return [f"an error has message, code, type and version, not {value!r}"]
    problems = []
    if not isinstance(value["message"], str) or not value["message"]:
        problems.append("message: not a text")
    known = error_types() | OWN_TYPES
    if value["type"] not in known:
        return [*problems, f"type: {value['type']!r} is no type of error"]
    declared = known[value["type"]]
    if {value["code"], status} != {declared if declared in SHOWN else 500}:
        problems.append(f"{value['type']} has status {declared}, not {value['code']} or {status}")
    return problems


def _one_of(candidates: list[str], value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: an object was expected, not {value!r}"
        return
    for model in candidates:
        told_apart = models()[model]["discriminator"].items()
        if all(value.get(name) in (told if isinstance(told, list) else [told]) for name, told in told_apart):
            yield from _object(model, value, where)
            return
    yield f"{where}: none of {candidates}"


def _object(model: str, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: an object was expected, not {value!r}"
        return
    fields = models()[model]["fields"]
    for name, field in fields.items():
        if name in value:
            yield from _field(field, value[name], f"{where}.{name}")
        elif field["required"]:
            yield f"{where}.{name}: missing"
    if not models()[model]["dynamic"]:
        unknown = value.keys() - fields.keys() - ADDED_FIELDS.get(model, set())
        yield from (f"{where}.{name}: not in the model" for name in unknown)


def _field(field: dict[str, Any], value: Any, where: str) -> Iterator[str]:
    if value is None:
        if not field.get("nullable") and field["type"] != "any":
            yield f"{where}: null"
        return
    if not _has_type(field["type"], value):
        yield f"{where}: {field['type']} was expected, not {value!r}"
        return
    if isinstance(value, list) and field.get("array_of"):
        for index, item in enumerate(value):
            yield from _field({"nullable": False, **field["array_of"]}, item, f"{where}[{index}]")
    elif isinstance(value, dict) and field.get("models"):
        if value == field.get("default"):
            return
        yield from _one_of(field["models"], value, where)
    elif isinstance(value, dict) and field.get("model"):
        yield from _object(field["model"], value, where)
    elif isinstance(value, str):
        yield from _text(field, value, where)


def _text(field: dict[str, Any], value: str, where: str) -> Iterator[str]:
    if field.get("format") == "datetime":
        # Of columns of times the catalog says so too, where it means the word.
        fixed = value == field.get("default") != ""
        may_be_empty = field.get("may_be_empty") or where.rpartition(".")[2] in EMPTY_TIMES
        if not (value == "" and may_be_empty) and not _DATETIME.fullmatch(value) and not fixed:
            yield f"{where}: {value!r} is not a time in UTC with milliseconds"
        return
    allowed = [*(field.get("enum") or ()), *enums().get(field.get("enum_name", ""), {}).get("values", ())]
    if allowed and value not in allowed and not (value == "" == field.get("default")):
        yield f"{where}: {value!r} is not one of {allowed}"


def _has_type(expected: str | list[str] | None, value: Any) -> bool:
    if isinstance(expected, list):
        return any(_has_type(one, value) for one in expected)
    if expected in (None, "any"):
        return True
    assert isinstance(expected, str)
    if isinstance(value, bool):
        return expected == "boolean"
    return isinstance(value, _TYPES[expected])
