"""Folders of files over HTTP: as they are sent, kept, shown and found."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tidewire.core.ids import unique_id

CHUNK = 5 * 2**20


def _upload(client: httpx.Client, bucket: str, folder: str, file_id: str = "unique()") -> httpx.Response:
    fields = {"fileId": file_id, "folder": folder}
    return client.post(f"/v1/storage/buckets/{bucket}/files", data=fields, files={"file": ("a.txt", b"x")})


def test_folders_are_shown_and_found_with_a_slash_at_their_end(server_client: httpx.Client) -> None:
    bucket = unique_id()
    created = server_client.post("/v1/storage/buckets", json={"bucketId": bucket, "name": "B"})
    assert created.status_code == 201
    for sent, shown in (("", ""), ("photos", "photos/"), ("photos/2026/", "photos/2026/")):
        file = _upload(server_client, bucket, sent).json()
        assert (file["folder"], file["key"]) == (shown, shown + "a.txt")
    refused = _upload(server_client, bucket, "/photos")
    assert (refused.status_code, refused.json()["type"]) == (400, "general_argument_invalid")

    def found(method: str, *values: str) -> list[str]:
        query: dict[str, Any] = {"method": method, "attribute": "folder", "values": values}
        params = {"queries[]": json.dumps(query)}
        answer = server_client.get(f"/v1/storage/buckets/{bucket}/files", params=params).json()
        return sorted(file["folder"] for file in answer["files"])

    assert found("equal", "photos/") == ["photos/"]
    assert found("startsWith", "photos/") == ["photos/", "photos/2026/"]
    assert found("equal", "") == [""]


def test_the_last_chunk_may_begin_an_upload(server_client: httpx.Client) -> None:
    bucket, file_id, content = unique_id(), unique_id(), bytes(CHUNK) + b"the end"
    server_client.post("/v1/storage/buckets", json={"bucketId": bucket, "name": "B"})
    statuses = []
    for start in (CHUNK, 0):
        piece = content[start : start + CHUNK]
        answer = server_client.post(
            f"/v1/storage/buckets/{bucket}/files",
            data={"fileId": file_id, "folder": "deep"},
            files={"file": ("a.bin", piece)},
            headers={"Content-Range": f"bytes {start}-{start + len(piece) - 1}/{len(content)}"},
        )
        assert answer.status_code in {200, 201}, answer.text
        statuses.append((answer.json()["chunksUploaded"], answer.json()["folder"]))
    assert statuses == [(1, "deep/"), (2, "deep/")]
    got = server_client.get(f"/v1/storage/buckets/{bucket}/files/{file_id}/download")
    assert got.content == content
