"""Subscriptions by GraphQL, with the client graphql-ws from npm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.node import run_node
from tests.support.server import TidewireServer


@pytest.mark.parametrize("workers", ["1", "3"])
def test_who_hears_what_over_broken_connections_and_ended_sessions(tmp_path: Path, workers: str) -> None:
    server = TidewireServer(tmp_path / "data", ["--workers", workers, "--drain-seconds", "0.2"]).start()
    try:
        _hear(server, server.create_key())
    finally:
        assert server.stop() == 0


def _hear(server: TidewireServer, api_key: str) -> None:
    outcome = run_node("graphql_subscriptions.mjs", server.endpoint, server.project, api_key)
    assert outcome["users"] == [True, True, False, False]
    to_ada = ["private", "public", "missed", "later", "fence"]
    assert outcome["byPosition"] == {"ids": to_ada, "errors": [], "connections": 2}
    # Without a position, what was not acknowledged yet comes twice.
    assert list(dict.fromkeys(outcome["ada"].pop("ids"))) == to_ada
    assert outcome["ada"] == {"errors": [], "connections": 2}
    program = ["private", "public", "missed", "later", "secret", "fence"]
    assert outcome["program"] == {"ids": program, "errors": [], "connections": 1}
    assert outcome["guest"] == {"ids": ["public", "later", "fence"], "errors": [], "connections": 1}
    assert outcome["refused"] == {"session": 4401, "project": 4403}
    assert outcome["name"].startswith(f"buckets.{outcome['bucketId']}.files.begin")
