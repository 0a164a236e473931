"""Object storage: whole objects or none, streams, sweeps."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tidewire.store.objects.storage import (
    HEAD_BYTES,
    ObjectMissingError,
    ObjectStorage,
    ObjectWriter,
    StoredObject,
)
from tidewire.store.objects.stores import DirectoryStore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def objects(root: Path) -> ObjectStorage:
    return ObjectStorage(DirectoryStore(root), "shop", durable=True)


async def store(objects: ObjectStorage, *pieces: bytes) -> StoredObject:
    writer = objects.writer()
    for piece in pieces:
        await writer.write(piece)
    return await writer.finish()


async def content(objects: ObjectStorage, key: str, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in objects.read(key, start, end)])


def stored_files(root: Path) -> list[Path]:
    """Those that can be read; what was swept lies in the trash."""
    return sorted(path for path in root.rglob("*") if path.is_file() and ".trash" not in path.parts)


def trashed_files(root: Path) -> set[str]:
    return {path.name for path in (root / ".trash").rglob("*") if path.is_file()}


def make_older(path: Path, seconds: float) -> None:
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


async def no_references(_: list[str]) -> set[str]:
    return set()


@pytest.mark.parametrize(
    "sizes", [[], [0], [1], [10, 20], [HEAD_BYTES + 5], [200_000] * 5, [700_000, 1, 300_000]]
)
async def test_what_is_written_is_read(objects: ObjectStorage, root: Path, sizes: list[int]) -> None:
    pieces = [os.urandom(size) for size in sizes]
    whole = b"".join(pieces)
    stored = await store(objects, *pieces)
    assert stored.size == len(whole)
    assert stored.md5 == hashlib.md5(whole).hexdigest()
    assert stored.head == whole[:HEAD_BYTES]
    assert await content(objects, stored.key, 0, len(whole)) == whole
    assert (
        await content(objects, stored.key, len(whole) // 3, len(whole) // 2)
        == whole[len(whole) // 3 : len(whole) // 2]
    )
    assert stored_files(root) == [root / stored.key]
    assert stored.key.split("/")[0] == "shop"


async def test_what_is_missing_or_too_short_is_said(objects: ObjectStorage) -> None:
    stored = await store(objects, b"short")
    with pytest.raises(ObjectMissingError):
        await content(objects, stored.key, 0, 10)
    with pytest.raises(ObjectMissingError):
        await content(objects, stored.key, 20, 30)
    with pytest.raises(ObjectMissingError):
        await content(objects, "shop/20260101/missing", 0, 1)
    assert await content(objects, "shop/20260101/missing", 1, 1) == b""


async def test_an_object_is_not_there_before_it_is_finished(objects: ObjectStorage, root: Path) -> None:
    writer = objects.writer()
    await writer.write(b"x" * 1_000_000)
    with pytest.raises(ObjectMissingError):
        await content(objects, writer.key, 0, 1)
    await writer.abort()
    assert stored_files(root) == []


async def test_aborting_leaves_nothing(objects: ObjectStorage, root: Path) -> None:
    for size in (0, 100, 1_000_000):
        writer = objects.writer()
        await writer.write(b"x" * size)
        await writer.abort()
    writer = objects.writer()
    await writer.abort()
    assert stored_files(root) == []


async def test_aborting_removes_what_is_finished_too(objects: ObjectStorage, root: Path) -> None:
    writer = objects.writer()
    await writer.write(b"not needed")
    await writer.finish()
    await writer.abort()
    await writer.abort()
    assert stored_files(root) == []


async def test_a_failure_to_finish_does_not_hide_behind_that_to_abort(
    objects: ObjectStorage, root: Path
) -> None:
    writer = objects.writer()
    await writer.write(b"x")
    (root / "shop").write_text("in the way")
    with pytest.raises(OSError, match="shop"):
        await writer.finish()
    await writer.abort()


async def test_deleting_what_is_not_there_is_no_error(objects: ObjectStorage, root: Path) -> None:
    stored = [await store(objects, b"x") for _ in range(3)]
    await objects.delete(["shop/20200101/missing", *(each.key for each in stored[:2]), stored[0].key])
    assert stored_files(root) == [root / stored[2].key]


async def test_a_sweep_deletes_what_nothing_refers_to(objects: ObjectStorage, root: Path) -> None:
    kept, orphan, young = [await store(objects, b"x") for _ in range(3)]
    for each in (kept, orphan):
        make_older(root / each.key, 100)

    async def referenced(keys: list[str]) -> set[str]:
        assert young.key not in keys
        return {kept.key} & set(keys)

    until = await objects.sweep(referenced, grace_ms=50_000)
    assert stored_files(root) == sorted([root / kept.key, root / young.key])
    assert trashed_files(root) == {Path(orphan.key).name}
    assert abs(until - (time.time() * 1000 - 50_000)) < 10_000


async def test_a_sweep_looks_only_at_days_that_were_not_swept_whole(
    objects: ObjectStorage, root: Path
) -> None:
    for day in ("20200101", "20200102", "20200105"):
        (root / "shop" / day).mkdir(parents=True)
        (root / "shop" / day / "orphan").write_bytes(b"x")
        make_older(root / "shop" / day / "orphan", 100)
    (root / "other" / "20200105").mkdir(parents=True)
    (root / "other" / "20200105" / "orphan").write_bytes(b"x")
    make_older(root / "other" / "20200105" / "orphan", 100)
    january_4th = 1_578_096_000_000
    await objects.sweep(no_references, since=january_4th, grace_ms=0)
    assert [path.parent.name for path in stored_files(root)] == ["20200105", "20200101", "20200102"]


async def test_a_killed_writer_leaves_nothing_after_the_next_sweep(
    objects: ObjectStorage, root: Path
) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from tidewire.store.objects.storage import ObjectStorage\n"
        "from tidewire.store.objects.stores import DirectoryStore\n"
        "async def main():\n"
        "    objects = ObjectStorage(DirectoryStore(pathlib.Path(sys.argv[1])), 'shop', durable=True)\n"
        "    writer = objects.writer()\n"
        "    await writer.write(b'x' * 3_000_000)\n"
        "    print('written', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(root), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    (left,) = stored_files(root)
    await objects.sweep(no_references, grace_ms=3_600_000)
    assert stored_files(root) == [left]
    make_older(left, 4000)
    await objects.sweep(no_references, grace_ms=3_600_000)
    assert stored_files(root) == []


async def test_projects_do_not_share_objects(root: Path) -> None:
    first, second = (ObjectStorage(DirectoryStore(root), name, durable=False) for name in ("a", "ab"))
    for each in (first, second):
        make_older(root / (await store(each, b"x")).key, 100)
    await first.sweep(no_references, grace_ms=0)
    assert [path.parts[-3] for path in stored_files(root)] == ["ab"]


async def test_a_writer_that_is_cancelled_at_any_moment_leaves_nothing(
    objects: ObjectStorage, root: Path
) -> None:
    for steps in range(60):
        writer = objects.writer()

        async def write_all(writer: ObjectWriter = writer) -> None:
            for _ in range(4):
                await writer.write(os.urandom(300_000))
            await writer.finish()

        task = asyncio.create_task(write_all())
        for _ in range(steps):
            await asyncio.sleep(0.0002)
        task.cancel()
        await asyncio.wait([task])
        await writer.abort()
    assert stored_files(root) == []
