"""``kill -9`` of all processes of a server amid builds and runs of functions, again and again."""

from __future__ import annotations

import os
from pathlib import Path

from tests.chaos.functions import KILLS, FunctionsChaos


def quiet(phase: str, done: int, total: int) -> None:
    """The test shows no progress."""


def test_what_was_acknowledged_is_done_when_the_server_is_killed(tmp_path: Path) -> None:
    """Every run takes another course; a failing one says by which seed."""
    seed = int.from_bytes(os.urandom(4))
    outcome = FunctionsChaos(tmp_path, 1, seed, quiet).run()
    assert outcome.sound, f"seed {seed}: " + "\n".join(outcome.problems)
    assert outcome.kills == KILLS
    assert all(outcome.acknowledged[kind] for kind in ("builds", "events", "later", "by the clock"))
