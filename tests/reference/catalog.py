"""The catalog of operations and models, loaded, and the way from a request to its operation."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, cast

_HERE = Path(__file__).parent

Entry = dict[str, Any]


@cache
def operations() -> dict[str, Entry]:
    """Entries by ``service.method``."""
    return {f"{entry['service']}.{entry['method']}": entry for entry in _load("operations.json")}


@cache
def models() -> dict[str, Entry]:
    """Response models by name."""
    return cast("dict[str, Entry]", _load("models.json"))


@cache
def enums() -> dict[str, Entry]:
    """Value lists by name."""
    return cast("dict[str, Entry]", _load("enums.json"))


@cache
def error_types() -> dict[str, int]:
    """Type of an error to its status."""
    return cast("dict[str, int]", enums()["server:error_types"]["http_status"])


def operation_of(method: str, path: str) -> Entry | None:
    """The entry that a request to ``path`` (below ``/v1``) reaches; fixed segments win over placeholders."""
    candidates = [
        (template.count("{"), entry)
        for wanted, template, pattern, entry in _routes()
        if wanted == method and pattern.fullmatch(path)
    ]
    return min(candidates, key=lambda candidate: candidate[0])[1] if candidates else None


@cache
def _routes() -> list[tuple[str, str, re.Pattern[str], Entry]]:
    routes = []
    for entry in operations().values():
        http = entry["http"]
        for path in (http["path"], *http.get("path_aliases", ())):
            pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
            routes.append((http["method"], path, pattern, entry))
    return routes


def _load(name: str) -> Any:
    return json.loads((_HERE / name).read_text(encoding="utf-8"))
