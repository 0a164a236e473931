"""A browser's own EventSource loses nothing while the server is killed and started again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import httpx

from tests.sdk.node import JAVASCRIPT
from tests.support.server import TidewireServer


def upload(server: TidewireServer, name: str) -> None:
    """Upload to the demo's bucket."""
    httpx.post(
        f"{server.endpoint}/storage/buckets/demo/files",
        headers={"X-Appwrite-Project": server.project},
        data={"fileId": "unique()"},
        files={"file": (name, b"x")},
        timeout=60,
    ).raise_for_status()


def test_a_browser_misses_nothing(tmp_path: Path) -> None:
    server = TidewireServer(tmp_path / "data", ["--demo"]).start()
    command = ["node", "event_source.mjs", server.endpoint, server.project]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=JAVASCRIPT, stdin=pipe, stdout=pipe, text=True) as browser:
        assert browser.stdin and browser.stdout
        try:
            said = (json.loads(line) for line in browser.stdout)
            assert next(said)[0] == "connected"
            upload(server, "before")
            assert next(said) == ["event", "before"]
            server.kill()
            server.start()
            upload(server, "meanwhile")
            assert next(said)[0] == "connected"
            kind, told = next(said)
            assert (kind, told["subscriptions"][0]["recovered"]) == ("response", True)
            upload(server, "after")
            assert [next(said), next(said)] == [["event", "meanwhile"], ["event", "after"]]
        finally:
            browser.stdin.close()
            if browser.wait(60):
                browser.kill()
    assert server.stop() == 0
