"""The todo example, set up as its README says and used by three people in Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.sdk.node import JAVASCRIPT, run_node
from tests.support.server import TidewireServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "todo"


def test_the_todo_example(server: TidewireServer, api_key: str, tmp_path: Path) -> None:
    site = tmp_path / "todo"
    shutil.copytree(EXAMPLE, site, ignore=shutil.ignore_patterns("node_modules", "config.js"))
    (site / "node_modules").symlink_to(JAVASCRIPT / "node_modules")  # what `npm install` would bring
    setup = ["node", "setup.mjs", api_key, server.endpoint, server.project]
    for _ in range(2):  # once more does no harm
        subprocess.run(setup, cwd=site, check=True, timeout=120)
    screenshot = Path(os.environ.get("TODO_SCREENSHOT", tmp_path / "todo.png"))
    outbox = server.endpoint.removesuffix("/v1") + "/demo/outbox"
    pages = ["node", "serve.mjs"]
    with subprocess.Popen(
        pages, cwd=site, env={**os.environ, "PORT": "0"}, stdout=subprocess.PIPE, text=True
    ) as page:
        assert page.stdout
        address = page.stdout.readline().removeprefix("Todo: ").strip()
        try:
            outcome = run_node("todo.mjs", address, outbox, str(screenshot))
        finally:
            page.terminate()
    assert outcome["problems"] == []
    assert outcome["ada"] == [["Charter the boat", "done"], ["Ask about the tide", ""], ["Rain jackets", ""]]
    assert outcome["grace"] == outcome["ada"]
    assert outcome["eve"] == [["Listen", ""]]
    assert (outcome["before"], outcome["lists"]) == (0, ["Eve's own"])
    assert screenshot.stat().st_size > 10_000
