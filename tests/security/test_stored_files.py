"""Files at rest: the data directory shows nothing of what they hold, and nothing that was changed is sent."""

from __future__ import annotations

import hashlib
import io
import os
import random
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.support.server import PROGRAM, TidewireServer
from tidewire.core.uploads import CHUNK_SIZE
from tidewire.store.objects.coding import BLOCK_BYTES

SECRET_LINE = b"nobody who reads the disk may learn this line\n"
TEXT = SECRET_LINE * 20_000
KINDS = [
    ("none", False),
    ("none", True),
    ("gzip", False),
    ("gzip", True),
    ("zstd", False),
    ("zstd", True),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    """A server of this module alone, whose data directory tests look into and change."""
    running = TidewireServer(tmp_path_factory.mktemp("files") / "data").start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def files(server: TidewireServer) -> Iterator[Files]:
    with httpx.Client(timeout=30) as client:
        yield Files(server, client, server.create_key())


class Files:
    """Stores files, reads them, and finds them on the disk."""

    def __init__(self, server: TidewireServer, client: httpx.Client, key: str) -> None:
        self.server = server
        self.client = client
        self.headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}

    def request(self, method: str, path: str, **named: Any) -> httpx.Response:
        headers = self.headers | named.pop("headers", {})
        return self.client.request(method, f"{self.server.endpoint}{path}", headers=headers, **named)

    def bucket(self, compression: str = "none", encryption: bool = True, **more: Any) -> str:
        body = {"bucketId": "unique()", "name": "b", "compression": compression, "encryption": encryption}
        answer = self.request("POST", "/storage/buckets", json=body | more)
        assert answer.status_code == 201, answer.text
        return f"/storage/buckets/{answer.json()['$id']}"

    def store(
        self, bucket: str, content: bytes, name: str = "a.txt", file_id: str = "unique()"
    ) -> dict[str, Any]:
        answer = self.request(
            "POST", f"{bucket}/files", data={"fileId": file_id}, files={"file": (name, content)}
        )
        assert answer.status_code == 201, answer.text
        described: dict[str, Any] = answer.json()
        return described

    def chunk(self, bucket: str, file_id: str, content: bytes, number: int) -> httpx.Response:
        start = (number - 1) * CHUNK_SIZE
        end = min(start + CHUNK_SIZE, len(content))
        return self.request(
            "POST",
            f"{bucket}/files",
            data={"fileId": file_id},
            files={"file": ("big.bin", content[start:end])},
            headers={
                "Content-Range": f"bytes {start}-{end - 1}/{len(content)}",
                "X-Appwrite-ID": file_id,
            },
        )

    def read(self, bucket: str, file: dict[str, Any], **headers: str) -> httpx.Response:
        return self.request("GET", f"{bucket}/files/{file['$id']}/download", headers=headers)

    def objects(self, file: dict[str, Any]) -> list[Path]:
        """The objects that hold a file, in order."""
        path = self.server.data_dir / "projects" / self.server.project / "tidewire.sqlite3"
        if not path.exists():
            (path,) = (self.server.data_dir / "projects" / self.server.project).glob("*.sqlite3")
        with closing(sqlite3.connect(path)) as database:
            rows = database.execute(
                "SELECT file_parts.key FROM file_parts JOIN files ON file_sequence = sequence"
                " WHERE id = ? ORDER BY position",
                (file["$id"],),
            )
            return [self.server.data_dir / "objects" / key for (key,) in rows]

    def on_disk(self) -> bytes:
        """Everything in the data directory."""
        found = [path for path in self.server.data_dir.rglob("*") if path.is_file()]
        return b"\n".join(path.read_bytes() for path in found)


@pytest.mark.parametrize(("compression", "encryption"), KINDS)
def test_a_file_is_what_its_bucket_says(files: Files, compression: str, encryption: bool) -> None:
    bucket = files.bucket(compression, encryption)
    file = files.store(bucket, TEXT)
    assert (file["compression"], file["encryption"]) == (compression, encryption)
    assert (file["sizeOriginal"], file["signature"]) == (len(TEXT), hashlib.md5(TEXT).hexdigest())
    (path,) = files.objects(file)
    assert path.stat().st_size == file["sizeActual"]
    assert (file["sizeActual"] < len(TEXT) / 10) == (compression != "none")
    assert not encryption or SECRET_LINE not in path.read_bytes()
    assert files.request("GET", f"{bucket}/files/{file['$id']}").json() == file
    assert files.request("GET", bucket).json()["totalSize"] == file["sizeActual"]
    whole = files.read(bucket, file)
    assert whole.content == TEXT
    assert whole.headers["content-length"] == str(len(TEXT))
    for start, end in ((0, 0), (5, 500_000), (BLOCK_BYTES - 1, BLOCK_BYTES), (800_000, len(TEXT) - 1)):
        part = files.read(bucket, file, Range=f"bytes={start}-{end}")
        assert (part.status_code, part.content) == (206, TEXT[start : end + 1])
    head = files.request("HEAD", f"{bucket}/files/{file['$id']}/view")
    assert head.headers["content-length"] == str(len(TEXT))
    assert files.request("DELETE", f"{bucket}/files/{file['$id']}").status_code == 204
    assert files.request("GET", bucket).json()["totalSize"] == 0


def test_an_empty_file_is_encrypted_too(files: Files) -> None:
    bucket = files.bucket("gzip")
    file = files.store(bucket, b"")
    assert (file["sizeActual"], file["encryption"], file["compression"]) == (0, True, "gzip")
    assert files.read(bucket, file).content == b""


def test_nothing_of_an_encrypted_file_lies_in_the_data_directory(files: Files) -> None:
    bucket = files.bucket("none")
    line = secrets.token_hex(40).encode() + b"\n"
    content = line * (2 * CHUNK_SIZE // len(line))
    files.store(bucket, line * 1000)
    for number in (2, 1):  # an upload that is not complete counts as well
        assert line[:60] not in files.on_disk()
        assert files.chunk(bucket, "lines", content, number).status_code == 201
    assert line[:60] not in files.on_disk()
    plain = files.bucket("none", encryption=False)
    files.store(plain, line * 1000)
    assert line in files.on_disk()


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_chunks_in_any_order_and_a_resumed_upload(files: Files, compression: str) -> None:
    bucket, name = files.bucket(compression), f"big-{compression}"
    content = random.Random(1).randbytes(CHUNK_SIZE + 1000) + TEXT * 6
    assert len(content) > 2 * CHUNK_SIZE
    first = files.chunk(bucket, name, content, 3)
    assert first.status_code == 201
    assert files.request("GET", f"{bucket}/files/{name}").json()["chunksUploaded"] == 0
    assert files.chunk(bucket, name, content, 1).status_code == 201
    assert files.chunk(bucket, name, content, 1).status_code == 201  # again, sealed in another way
    file = files.chunk(bucket, name, content, 2).json()
    assert (file["chunksUploaded"], file["encryption"]) == (3, True)
    assert (file["compression"], file["signature"]) == (compression, hashlib.md5(content).hexdigest())
    assert file["sizeActual"] == sum(path.stat().st_size for path in files.objects(file))
    assert files.read(bucket, file).content == content
    start, end = CHUNK_SIZE - 100, 2 * CHUNK_SIZE + 100
    assert files.read(bucket, file, Range=f"bytes={start}-{end}").content == content[start : end + 1]


def test_a_changed_bucket_stores_new_files_differently(files: Files) -> None:
    bucket = files.bucket("gzip")
    old = files.store(bucket, TEXT)
    changed = {"name": "b", "compression": "none", "encryption": False}
    assert files.request("PUT", bucket, json=changed).status_code == 200
    new = files.store(bucket, TEXT)
    assert (new["compression"], new["encryption"], new["sizeActual"]) == ("none", False, len(TEXT))
    assert files.request("GET", f"{bucket}/files/{old['$id']}").json() == old
    assert files.read(bucket, old).content == files.read(bucket, new).content == TEXT


def test_a_file_over_the_limit_is_stored_as_it_is(files: Files) -> None:
    bucket = files.bucket("zstd")
    content = bytes(20_000_001)
    for number in range(1, 5):
        file = files.chunk(bucket, "large", content, number).json()
    assert (file["compression"], file["encryption"], file["sizeActual"]) == ("none", False, len(content))
    assert files.read(bucket, file, Range="bytes=20000000-").content == b"\0"


def test_a_file_by_graphql(files: Files) -> None:
    bucket = files.bucket("zstd")
    query = (
        "mutation($bucketId: String!, $file: InputFile!) {"
        ' storageCreateFile(bucketId: $bucketId, fileId: "unique()", file: $file)'
        " { _id encryption compression } }"
    )
    operations = f'{{"query": {query!r}, "variables": {{"bucketId": "{bucket[17:]}", "file": null}}}}'
    operations = operations.replace("'", '"').replace('"unique()"', '\\"unique()\\"')
    answer = files.request(
        "POST",
        "/graphql",
        data={"operations": operations, "map": '{"0": ["variables.file"]}'},
        files={"0": ("a.txt", TEXT)},
    )
    file = answer.json()["data"]["storageCreateFile"]
    assert (file["encryption"], file["compression"]) == (True, "zstd")
    assert files.read(bucket, {"$id": file["_id"]}).content == TEXT


def test_previews_of_an_encrypted_picture_are_kept_encrypted(files: Files) -> None:
    picture = io.BytesIO()
    Image.frombytes("RGB", (900, 600), os.urandom(900 * 600 * 3)).save(picture, "png")
    for encryption in (True, False):
        bucket = files.bucket("gzip", encryption)
        file = files.store(bucket, picture.getvalue(), "noise.png")
        for query in ("width=40&output=png", "width=800&height=500&output=png&quality=100"):
            address = f"{bucket}/files/{file['$id']}/preview?{query}"
            made = files.request("GET", address)
            assert (made.status_code, made.headers["x-appwrite-cache"]) == (200, "miss"), made.text
            kept = files.request("GET", address)
            assert (kept.headers["x-appwrite-cache"], kept.content) == ("hit", made.content)
            middle = files.request("GET", address, headers={"Range": "bytes=100-1000"})
            assert middle.content == made.content[100:1001]
            assert (made.content[-200:] in files.on_disk()) == (not encryption)
        assert len(made.content) > 1_000_000


def test_a_preview_of_a_damaged_picture(files: Files) -> None:
    bucket = files.bucket("gzip")
    picture = io.BytesIO()
    Image.frombytes("RGB", (400, 300), os.urandom(400 * 300 * 3)).save(picture, "png")
    file = files.store(bucket, picture.getvalue(), "noise.png")
    address = f"{bucket}/files/{file['$id']}/preview?output=png"
    made = files.request("GET", f"{address}&width=40")
    assert Image.open(io.BytesIO(made.content)).size == (40, 30)
    (kept,) = _newest(files.server.data_dir / "pictures")
    kept.write_bytes(kept.read_bytes()[:-1] + b"\0")
    again = files.request("GET", f"{address}&width=40")  # which is made anew
    assert (again.headers["x-appwrite-cache"], again.content) == ("miss", made.content)
    (path,) = files.objects(file)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    answer = files.request("GET", f"{address}&width=41")
    assert (answer.status_code, answer.json()["type"]) == (404, "storage_file_not_found")


def _newest(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)[-1:]


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_what_was_changed_is_not_sent(files: Files, compression: str) -> None:
    bucket = files.bucket(compression)
    content = random.Random(2).randbytes(6 * BLOCK_BYTES)
    one, other = files.store(bucket, content), files.store(bucket, content)
    (path,), (another,) = files.objects(one), files.objects(other)
    held = path.read_bytes()
    block = BLOCK_BYTES + 16
    refused = {
        "of another file": another.read_bytes(),
        "cut": held[:-1],
        "cut at a block": held[:block],
        "empty": b"",
        "changed at its beginning": bytes([held[0] ^ 1]) + held[1:],
        "in another order": held[block : 2 * block] + held[:block] + held[2 * block :],
    }
    for what, changed in refused.items():
        path.write_bytes(changed)
        first = files.read(bucket, one, Range="bytes=0-9")
        last = files.read(bucket, one, Range=f"bytes={len(content) - 9}-")
        answers = [(answer.status_code, answer.headers["content-type"]) for answer in (first, last)]
        assert (404, "application/json; charset=UTF-8") in answers or (404, "application/json") in answers, (
            what
        )
        assert all(status in {206, 404} for status, _ in answers), what
    path.write_bytes(held[: 4 * block] + bytes([held[4 * block] ^ 1]) + held[4 * block + 1 :])
    with pytest.raises(httpx.RemoteProtocolError):  # the head is out: the answer ends before its length
        files.read(bucket, one)
    assert files.read(bucket, one, Range="bytes=0-99").content == content[:100]
    path.unlink()
    assert files.read(bucket, one).status_code == 404
    path.write_bytes(held)
    assert files.read(bucket, one).content == content


def test_chunks_that_changed_places_are_not_sent(files: Files) -> None:
    bucket = files.bucket("none")
    content = random.Random(3).randbytes(2 * CHUNK_SIZE)
    files.chunk(bucket, "pair", content, 1)
    file = files.chunk(bucket, "pair", content, 2).json()
    first, second = files.objects(file)
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    answer = files.read(bucket, file)
    assert (answer.status_code, answer.json()["type"]) == (404, "storage_file_not_found")


def test_a_new_secret_while_the_server_runs_and_a_restored_backup(
    files: Files, tmp_path: Path, server: TidewireServer
) -> None:
    bucket = files.bucket("zstd")
    before = files.store(bucket, TEXT, file_id="before")
    content = random.Random(4).randbytes(2 * CHUNK_SIZE)
    files.chunk(bucket, "begun", content, 1)
    objects = {path: path.read_bytes() for path in files.objects(before)}
    assert "are sealed with secret 1" in server.command("storage", "rotate-key")
    assert files.read(bucket, before).content == TEXT
    after = files.store(bucket, TEXT, file_id="after")
    begun = files.chunk(bucket, "begun", content, 2).json()
    assert files.read(bucket, begun).content == content
    assert {path: path.read_bytes() for path in files.objects(before)} == objects
    assert "cannot be opened" not in server.command("storage", "rotate-key")
    archive = str(tmp_path / "backup.tar")
    for command, directory in (("backup", server.data_dir), ("restore", tmp_path / "restored")):
        subprocess.run([*PROGRAM, command, archive, "--data-dir", directory], check=True, capture_output=True)
    restored = TidewireServer(tmp_path / "restored").start()
    try:
        there = Files(restored, files.client, files.headers["X-Appwrite-Key"])
        for file in (before, after):
            assert there.read(bucket, file).content == TEXT
        assert there.read(bucket, begun).content == content
    finally:
        restored.stop()
    # Without the secrets nothing opens; that is told, and nothing else breaks.
    (tmp_path / "restored" / "secrets.json").write_text('{"jwt_secret": "' + "ab" * 32 + '"}')
    robbed = TidewireServer(tmp_path / "restored").start()
    try:
        there = Files(robbed, files.client, files.headers["X-Appwrite-Key"])
        assert there.read(bucket, before).status_code == 404
        assert there.read(bucket, there.store(bucket, TEXT)).content == TEXT
    finally:
        robbed.stop()
    shutil.rmtree(tmp_path / "restored")
