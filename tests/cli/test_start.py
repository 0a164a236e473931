"""What a server loads when it starts, and what only when it is needed."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.support.server import PROGRAM, TidewireServer


@pytest.fixture
def fresh(tmp_path: Path) -> TidewireServer:
    return TidewireServer(tmp_path / "data", ["--drain-seconds", "0.2"], program=PROGRAM)


def has_arrays(server: TidewireServer) -> bool:
    """Whether NumPy's code is in the memory of the process."""
    assert server.process
    return "_multiarray_umath" in Path(f"/proc/{server.process.pid}/maps").read_text()


def test_arrays_are_loaded_for_the_first_long_body(fresh: TidewireServer) -> None:
    fresh.start()
    headers = {"X-Appwrite-Project": fresh.project, "X-Appwrite-Key": fresh.create_key()}
    with httpx.Client(base_url=fresh.endpoint, headers=headers, timeout=60) as program:
        program.post("/documentsdb", json={"databaseId": "d", "name": "D"}).raise_for_status()
        collection = {"collectionId": "c", "name": "C"}
        program.post("/documentsdb/d/collections", json=collection).raise_for_status()
        documents = [{"$id": f"d{n}", "tags": ["a"], "text": "x" * 800} for n in range(200)]
        for some, loaded in ((documents[:100:10], False), (documents[100:], True)):
            made = program.post("/documentsdb/d/collections/c/documents", json={"documents": some})
            assert (made.status_code, made.json()["total"]) == (201, len(some))
            assert has_arrays(fresh) is loaded
        deep = "[" * 200 + "]" * 200
        refused = program.post("/documentsdb", content=json.dumps({"a": 1})[:-1] + f',"b":{deep}}}')
        assert (refused.status_code, refused.json()["type"]) == (400, "general_argument_invalid")
    assert fresh.stop() == 0
