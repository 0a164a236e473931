"""Pages with real SDKs that Chromium freezes, or keeps for the way back: they miss nothing."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sdk.node import JAVASCRIPT
from tests.support.server import TidewireServer

TABLE = "/tablesdb/sea/tables/waves"
KINDS = (("appwrite-28", "guest"), ("appwrite-28", "session"), ("appwrite-24", "cookie"))
"""By message, as a guest and signed in; by the URL, signed in by the browser's cookie."""


def _server(directory: Path, workers: int) -> tuple[TidewireServer, str, str]:
    """A server with a table, an API key, and the session of a user."""
    server = TidewireServer(directory / "data", ["--workers", str(workers)]).start()
    key = server.create_key()
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
    with httpx.Client(base_url=server.endpoint, headers=headers, timeout=60) as rest:

        def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
            response = rest.post(path, json=body)
            response.raise_for_status()
            created: dict[str, Any] = response.json()
            return created

        post("/tablesdb", {"databaseId": "sea", "name": "Sea"})
        table = {
            "tableId": "waves",
            "name": "Waves",
            "permissions": ['read("any")'],
            "columns": [{"key": "number", "type": "integer", "required": False}],
        }
        post("/tablesdb/sea/tables", table)
        post("/users", {"userId": "ada", "name": "Ada"})
        session = post("/users/ada/sessions", {})["secret"]
    return server, key, session


def _play(server: TidewireServer, key: str, session: str, tabs: list[dict[str, Any]]) -> Any:
    given = {
        "endpoint": server.endpoint.replace("localhost", "127.0.0.1"),
        "project": server.project,
        "key": key,
        "channel": "tablesdb.sea.tables.waves.rows",
        "table": TABLE,
        "session": session,
        "tabs": tabs,
    }
    done = subprocess.run(
        ["node", "sleeping_pages.mjs"],
        cwd=JAVASCRIPT,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_page_that_slept_misses_nothing(tmp_path: Path, workers: int) -> None:
    server, key, session = _server(tmp_path, workers)
    tabs = [
        {"sdk": sdk, "who": who, "how": how, "seconds": seconds, "after": 1 + (number * 7) % 23}
        for number, ((sdk, who), how, seconds) in enumerate(
            itertools.product(KINDS, ("frozen", "kept"), (3, 8, 15, 40))
        )
    ]
    # Beside some that are frozen, the same app of the same person in another tab, which goes on.
    tabs += [
        {**tab, "how": "awake", "twin": number}
        for number, tab in enumerate(tabs)
        if (tab["how"], tab["seconds"]) == ("frozen", 15)
    ]
    try:
        outcome = _play(server, key, session, tabs)
    finally:
        server.kill_all()
    written = outcome["written"]
    wrong = []
    for tab, result in zip(tabs, outcome["results"], strict=True):
        first = list(dict.fromkeys(result["rows"]))
        missing = [row for row in written if row not in set(first)]
        again = len(result["rows"]) - len(first)
        print(tab, "missing", len(missing), "again", again, "told", result["told"], "slept", result["slept"])
        by_message = tab["sdk"] == "appwrite-28"
        if tab["how"] == "awake":
            asleep = result["slept"] == 0 and not again
            honest = result["told"] == (["new"] if by_message else ["connected"])
        else:
            asleep = result["slept"] >= 1
            honest = result["told"] == (["new", True] if by_message else ["connected"] * 2)
        if missing or first != written or not asleep or not honest:
            wrong.append((tab, missing[:3], len(missing), result["told"], result["slept"]))
    assert not wrong, wrong
