"""What a person and an app see in a real browser: the demo in two tabs, the web SDK with cookies."""

from __future__ import annotations

import re
from pathlib import Path

from tests.sdk.node import run_node
from tests.support.readme import documented_program
from tests.support.server import TidewireServer
from tidewire.realtime.protocol.compression import MIN_COMPRESSED


def test_demo_sdk_and_documented_program(server: TidewireServer, tmp_path: Path) -> None:
    screenshot = tmp_path / "demo.png"
    outcome = run_node(
        "browser.mjs", server.endpoint, server.project, str(screenshot), documented_program(server)
    )
    assert outcome["problems"] == []
    for tab in outcome["demo"]:
        assert {"red.png", "large.txt"} <= set(tab["cards"])
        assert re.fullmatch(r"\d+\.\d ms", tab["latency"])
        assert any("buckets.demo.files." in frame for frame in tab["frames"])
    assert screenshot.stat().st_size > 10_000

    for sdk in ("sdk27", "sdk28"):
        (event,) = outcome[sdk]["events"]
        assert "buckets.*.files.*.create" in event["events"]
        assert event["payload"]["name"] == "hi.txt"
        (session,) = outcome[sdk]["sessions"]
        assert session["current"]
        assert session["clientName"] in {"Chrome", "Chromium", "Chrome Headless", "HeadlessChrome"}
        assert outcome[sdk]["afterwards"] == "general_unauthorized_scope"

    assert outcome["compressed"]["extensions"].startswith("permessage-deflate")
    assert outcome["compressed"]["name"] == f"{'high-water-' * 20}.txt"
    assert outcome["compressed"]["bytes"] > MIN_COMPRESSED

    said = outcome["documented"]["said"]
    assert re.fullmatch(r"buckets\.demo\.files\.\w+\.create tide-\d+\.txt", said)
