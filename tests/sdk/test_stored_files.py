"""Buckets that compress and encrypt, by an unmodified SDK."""

from __future__ import annotations

from tests.sdk.node import run_node
from tests.support.server import TidewireServer


def test_files_are_what_their_buckets_say(server: TidewireServer, api_key: str) -> None:
    seen = run_node("stored_files.mjs", server.endpoint, server.project, api_key)
    assert len(seen["stored"]) == 6
    for file in seen["stored"]:
        assert file["told"] == file["asked"]
        assert (file["sizeOriginal"], file["chunks"]) == (seen["size"], 3)
        assert file["signature"] == file["downloaded"] == seen["signature"]
        compression, encryption = file["asked"]
        if compression == "none":
            blocks = 2 * 40 + -(-(seen["size"] - 2 * 5 * 2**20) // 2**17)
            assert file["sizeActual"] == seen["size"] + (16 * blocks if encryption else 0)
        else:
            assert file["sizeActual"] < seen["size"] / 20
