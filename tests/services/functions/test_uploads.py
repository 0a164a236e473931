"""Uploads of code in chunks, whichever comes first and whoever chooses the id."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.services.functions.project import FunctionsProject, packed
from tidewire.core.ids import unique_id
from tidewire.core.uploads import CHUNK_SIZE

CODE = "def main(context):\n    return context.res.text('here')\n"


def send(
    project: FunctionsProject,
    function_id: str,
    content: bytes,
    number: int,
    upload_id: str,
    status: int = 202,
) -> dict[str, Any]:
    """Send one chunk, counted from 1."""
    begin = (number - 1) * CHUNK_SIZE
    piece = content[begin : begin + CHUNK_SIZE]
    headers = {"Content-Range": f"bytes {begin}-{begin + len(piece) - 1}/{len(content)}"}
    if upload_id:
        headers["X-Appwrite-ID"] = upload_id
    sent: dict[str, Any] = project.request(
        "POST",
        f"/functions/{function_id}/deployments",
        status,
        data={"activate": "true"},
        files={"code": ("code.tar.gz", piece)},
        headers=headers,
    )
    return sent


@pytest.fixture
def content() -> bytes:
    return packed({"main.py": CODE, "noise.bin": os.urandom(2 * CHUNK_SIZE)})


def test_any_chunk_begins_an_upload(project: FunctionsProject, content: bytes) -> None:
    function_id = project.function()["$id"]
    begun = send(project, function_id, content, 3, "")
    assert project.get(f"/functions/{function_id}/deployments")["total"] == 0
    for number in (1, 2):
        assert send(project, function_id, content, number, begun["$id"])["$id"] == begun["$id"]
    assert project.built(function_id, begun["$id"])["sourceSize"] == len(content)
    assert project.execute(function_id)["responseBody"] == "here"


def test_chunks_at_once_under_an_id_of_the_sender(project: FunctionsProject, content: bytes) -> None:
    function_id, deployment_id = project.function()["$id"], unique_id()
    with ThreadPoolExecutor() as pool:
        sent = pool.map(lambda number: send(project, function_id, content, number, deployment_id), (3, 2, 1))
        assert {each["$id"] for each in sent} == {deployment_id}
    assert project.built(function_id, deployment_id)["status"] == "ready"
    assert project.get(f"/functions/{function_id}/deployments")["total"] == 1
    assert project.execute(function_id)["responseBody"] == "here"


def test_the_id_of_another_functions_upload(project: FunctionsProject, content: bytes) -> None:
    begun = send(project, project.function()["$id"], content, 1, "")
    other = project.function()["$id"]
    assert send(project, other, content, 2, begun["$id"], 404)["type"] == "deployment_not_found"
