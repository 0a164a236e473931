"""The catalog of operations and models, loaded, and the way from a request to its operation."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, cast

_HERE = Path(__file__).parent

Entry = dict[str, Any]


_SERVED: dict[str, dict[str, Any]] = {
    "upsertRow": {"status": 200, "staged": 201},
    "upsertDocument": {"status": 200, "staged": 201},
    "upsertRows": {"status": 200},
    "upsertDocuments": {"status": 200},
    "createRow": {"staged": 200},
    "createDocument": {"staged": 200},
    "createRows": {"staged": 200},
    "createDocuments": {"staged": 200},
    "createExecution": {"staged": 202},
}
"""By method, what the reference's server answers with where its description says something else.

``staged``: the status where it is done later: within a transaction, or asynchronously.
"""


@cache
def operations() -> dict[str, Entry]:
    """Entries by ``service.method``."""
    entries = {f"{entry['service']}.{entry['method']}": entry for entry in _load("operations.json")}
    for entry in entries.values():
        entry["response"] |= _SERVED.get(entry["method"], {})
    return entries


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
