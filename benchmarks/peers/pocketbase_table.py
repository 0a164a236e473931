"""A large collection of PocketBase, and requests on it like those on the table of Tidewire."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.native import Endpoint
from benchmarks.peers import Case
from benchmarks.rest_client import http_request
from benchmarks.rows import CATEGORIES, CATEGORY, PAGE, VALUES, fill

COLLECTION: Final = "rows"
FIELDS: Final[list[dict[str, object]]] = [
    {"name": "title", "type": "text"},
    {"name": "category", "type": "number"},
    {"name": "number", "type": "number"},
    {"name": "created", "type": "autodate", "onCreate": True},
    {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
]
INDEX: Final = f"CREATE INDEX by_category ON {COLLECTION} (category, number DESC)"
RECORDS: Final = f"/api/collections/{COLLECTION}/records"


def fill_and_request(endpoint: Endpoint, data_dir: Path, count: int) -> dict[str, Case]:
    """Fill the collection with SQL, and give the requests by what they do."""
    fill(
        data_dir / "data.db",
        count,
        f"INSERT INTO {COLLECTION} (id, title, category, number, created, updated) "
        f"SELECT printf('r%014d', n), 'A row with the number ' || n, n % {CATEGORIES}, n, "
        "'2023-11-14 22:13:20.000Z', '2023-11-14 22:13:20.000Z' FROM numbers",
    )
    rows = replace(endpoint, row=f'"{COLLECTION}/*"')

    def case(method: str, path: str, body: dict[str, object]) -> Case:
        return Case(rows, http_request(method, RECORDS + path, {}, body))

    page = f"?filter=category%3D{CATEGORY}&sort=-number&perPage={PAGE}"
    return {
        "create": case("POST", "", VALUES),
        "get": case("GET", f"/r{count // 2:014}", {}),
        "list": case("GET", page, {}),
        "list without total": case("GET", f"{page}&skipTotal=1", {}),
    }
