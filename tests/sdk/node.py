"""Programs in Node, with the SDKs from npm."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

JAVASCRIPT = Path(__file__).parents[1] / "javascript"


def run_node(script: str, *arguments: str) -> Any:
    """Run a script of tests/javascript; return the JSON that it prints last."""
    done = subprocess.run(
        ["node", script, *arguments], cwd=JAVASCRIPT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout.strip().splitlines()[-1])
