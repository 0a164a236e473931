"""The functions example, set up as its README says and used by two people in Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.sdk.node import JAVASCRIPT, run_node
from tests.support.server import TidewireServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "functions"


def test_the_functions_example(server: TidewireServer, api_key: str, tmp_path: Path) -> None:
    site = tmp_path / "functions"
    shutil.copytree(EXAMPLE, site, ignore=shutil.ignore_patterns("node_modules", "config.js"))
    (site / "node_modules").symlink_to(JAVASCRIPT / "node_modules")  # what `npm install` would bring
    setup = ["node", "setup.mjs", api_key, server.endpoint, server.project]
    for _ in range(2):  # once more deploys anew
        subprocess.run(setup, cwd=site, check=True, timeout=120)
    screenshot = Path(os.environ.get("FUNCTIONS_SCREENSHOT", tmp_path / "functions.png"))
    with subprocess.Popen(
        ["node", "serve.mjs"], cwd=site, env={**os.environ, "PORT": "0"}, stdout=subprocess.PIPE, text=True
    ) as page:
        assert page.stdout
        address = page.stdout.readline().removeprefix("Notes: ").strip()
        try:
            outcome = run_node("notes.mjs", address, str(screenshot))
        finally:
            page.terminate()
    assert outcome["problems"] == []
    assert outcome["ada"] == [
        ["Charter the boat", "3 words · longest: Charter"],
        ["Ask about the tide at noon", "6 words"],
    ]
    assert outcome["grace"] == outcome["ada"]
    assert (outcome["mine"], outcome["others"]) == (1, 0), "executions are seen by who called"
    assert screenshot.stat().st_size > 10_000
