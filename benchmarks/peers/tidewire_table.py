"""A large table of Tidewire, and requests on it; tables of which somebody may read a thousand rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.native import Endpoint
from benchmarks.peers import Case
from benchmarks.peers.tidewire_rows import row
from benchmarks.rest_client import Rest, http_request
from benchmarks.rows import CATEGORIES, CATEGORY, PAGE, READABLE, SMALL, VALUES, fill

DATABASE: Final = "rows"
TABLES: Final = f"/v1/tablesdb/{DATABASE}/tables"
OPEN: Final = ['read("any")', 'create("any")']
PERSON: Final = {"email": "rows@example.com", "password": "correct horse battery"}


def set_up_rows(server: Rest, guest: Rest, endpoint: Endpoint, data_dir: Path, count: int) -> dict[str, Case]:
    """Make the tables, fill them with SQL, and give the requests by what they do."""
    server.call("POST", "/v1/tablesdb", {"databaseId": DATABASE, "name": "Rows"})
    user = guest.call("POST", "/v1/account", {"userId": "unique()", **PERSON})["$id"]
    _, answer = guest.exchange("POST", "/v1/account/sessions/email", PERSON)
    person = {**guest.headers, "Cookie": answer["set-cookie"].partition(";")[0]}
    for table, rows in (("open", count), ("secured", count), ("small", min(count, SMALL))):
        _create(server, table, secured=table != "open")
        _fill(data_dir / "database.sqlite3", table, rows, "" if table == "open" else user)

    def case(method: str, table: str, path: str, headers: dict[str, str], body: dict[str, object]) -> Case:
        channel = row(f"tablesdb.{DATABASE}.tables.{table}.rows")
        request = http_request(method, f"{TABLES}/{table}/rows{path}", headers, body)
        return Case(Endpoint(endpoint.port, endpoint.path, channel), request)

    def graphql(fields: int) -> Case:
        found = (
            f'a{number}: tablesDBGetRow(databaseId: "{DATABASE}", tableId: "open", '
            f'rowId: "r{count // 2 + number:014}") {{ _id _createdAt _updatedAt data }}'
            for number in range(fields)
        )
        request = http_request("POST", "/v1/graphql", guest.headers, {"query": f"{{ {' '.join(found)} }}"})
        return Case(
            Endpoint(endpoint.port, endpoint.path, row(f"tablesdb.{DATABASE}.tables.open.rows")), request
        )

    new: dict[str, object] = {"rowId": "unique()", "data": VALUES}
    page = "?" + "&".join(f"queries[{number}]={query}" for number, query in enumerate(_page_queries()))
    latest = "?queries[0]=" + _query("orderDesc", "$sequence") + "&queries[1]=" + _query("limit", "", PAGE)
    return {
        "create": case("POST", "open", "", guest.headers, new),
        "get": case("GET", "open", f"/r{count // 2:014}", guest.headers, {}),
        "get by GraphQL": graphql(1),
        "get 20 by GraphQL": graphql(20),
        "list": case("GET", "open", page, guest.headers, {}),
        "list without total": case("GET", "open", f"{page}&total=false", guest.headers, {}),
        "list secured": case("GET", "secured", latest, person, {}),
        "list small": case("GET", "small", latest, person, {}),
    }


def _create(server: Rest, table: str, *, secured: bool) -> None:
    columns = [
        {"key": "title", "type": "varchar", "size": 100},
        {"key": "category", "type": "integer"},
        {"key": "number", "type": "integer"},
    ]
    index = {
        "key": "by_category",
        "type": "key",
        "columns": ["category", "number"],
        "orders": ["asc", "desc"],
    }
    body = {"tableId": table, "name": table, "columns": columns, "indexes": [index], "rowSecurity": secured}
    server.call("POST", TABLES, {**body, "permissions": [] if secured else OPEN})


def _fill(database: Path, table: str, count: int, user: str) -> None:
    """Rows as the server would have written them; every so many of them are the user's, if there is one."""
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        (sequence,) = connection.execute("SELECT sequence FROM user_tables WHERE id = ?", [table]).fetchone()
        described = "SELECT key, sequence FROM user_columns WHERE table_sequence = ?"
        columns = dict(connection.execute(described, [sequence]))
    names = ", ".join(f"c{columns[key]}" for key in ("title", "category", "number"))
    role = f"CASE WHEN n % {max(1, count // READABLE)} = 0 THEN 'user:{user}' ELSE 'user:x' || n END"
    permissions = f"""json_array('read("' || {role} || '")')""" if user else "'[]'"
    statements = [
        (
            f"INSERT INTO t{sequence} (id, created_at, updated_at, permissions, {names}) "
            f"SELECT printf('r%014d', n), 1700000000000 + n, 1700000000000 + n, {permissions}, "
            f"'A row with the number ' || n, n % {CATEGORIES}, n FROM numbers"
        )
    ]
    if user:
        statements.append(f"INSERT INTO t{sequence}_readers (role, row) SELECT {role}, n FROM numbers")
    fill(database, count, *statements)


def _page_queries() -> list[str]:
    return [
        _query("equal", "category", CATEGORY),
        _query("orderDesc", "number"),
        _query("limit", "", PAGE),
    ]


def _query(method: str, attribute: str, *values: int) -> str:
    text = msgspec.json.encode({"method": method, "attribute": attribute, "values": values}).decode()
    return "".join(f"%{ord(sign):02X}" if sign in '{}"[] $,:' else sign for sign in text)
