"""The unmodified JavaScript SDKs, in Node, against a real server."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

from tests.sdk.node import JAVASCRIPT, run_node
from tests.support.readme import documented_program, documented_shim
from tests.support.server import TidewireServer

NODES = ["node", str(JAVASCRIPT / "node_modules/node-24/bin/node")]
"""The machine's own, and a newer one, which comes from npm for one kind of machine."""


@pytest.mark.parametrize("sdk", ["appwrite", "appwrite-28"])
def test_uploads_are_seen_live_by_those_who_may_read_them(
    server: TidewireServer, api_key: str, sdk: str
) -> None:
    outcome = run_node("live_uploads.mjs", sdk, server.endpoint, server.project, api_key)
    received = outcome["received"]

    def seen(who: str) -> list[tuple[str, str]]:
        return [(event["payload"]["$id"], event["events"][0].rsplit(".", 1)[1]) for event in received[who]]

    shared = [("shared", "create"), ("public", "create"), ("shared", "update"), ("shared", "delete")]
    fence = ("fence", "create")
    assert seen("bob") == [*shared, ("ignored", "create"), fence]
    assert seen("guest") == [("public", "create"), fence]
    assert seen("alice") == [
        ("private", "create"),
        *shared[:2],
        ("large", "create"),
        *shared[2:],
        ("ignored", "create"),
        fence,
    ]
    assert [entry[0] for entry in seen("aliceCreates")] == [
        "private",
        "shared",
        "public",
        "large",
        "ignored",
        "fence",
    ]
    assert seen("bobFiltered") == [("shared", "create")]

    first = received["alice"][0]
    bucket_id = outcome["bucket"]["$id"]
    assert "buckets.*.files.*.create" in first["events"]
    assert first["channels"][:3] == [
        "files",
        f"buckets.{bucket_id}.files",
        f"buckets.{bucket_id}.files.private",
    ]
    assert first["payload"]["name"] == "private.txt"
    assert outcome["refused"] == {"code": 404, "type": "storage_file_not_found"}
    assert outcome["large"]["sizeOriginal"] == 12 * 1024 * 1024
    assert outcome["large"]["chunksUploaded"] == outcome["large"]["chunksTotal"] == 3


@pytest.mark.parametrize("node", NODES)
def test_documented_program_runs_unmodified_in_node(
    server: TidewireServer, tmp_path: Path, node: str
) -> None:
    if not shutil.which(node):
        pytest.skip(f"{node} is not made for this machine")
    (tmp_path / "node_modules").symlink_to(JAVASCRIPT / "node_modules")
    (tmp_path / "program.mjs").write_text(documented_program(server))
    (tmp_path / "shim.mjs").write_text(documented_shim())
    running = subprocess.Popen(
        [node, "--import", "./shim.mjs", "program.mjs"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout
        said = []
        reader = threading.Thread(
            target=lambda: said.append(running.stdout.readline() if running.stdout else "")
        )
        reader.start()
        while reader.is_alive():
            upload_to_demo(server, "tide.txt")
            reader.join(0.1)
    finally:
        running.kill()
        _, complaints = running.communicate()
    assert re.fullmatch(r"buckets\.demo\.files\.\w+\.create tide\.txt", said[0].strip())
    assert not complaints


def upload_to_demo(server: TidewireServer, name: str) -> None:
    """Upload a small file as a guest."""
    httpx.post(
        f"{server.endpoint}/storage/buckets/demo/files",
        data={"fileId": "unique()"},
        files={"file": (name, b"tide")},
        headers={"X-Appwrite-Project": server.project},
    ).raise_for_status()


@pytest.mark.parametrize("end", ["", "/"])
def test_an_endpoint_with_a_slash_at_its_end(server: TidewireServer, api_key: str, end: str) -> None:
    outcome = run_node("endpoint.mjs", "appwrite-28", server.endpoint + end, server.project, api_key)
    assert outcome == {"same": True, "name": "New", "pings": [{"message": "Pong!"}, {"message": "Pong!"}]}
