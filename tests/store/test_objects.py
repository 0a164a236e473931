"""Object storage: whole objects or none, streams, sweeps."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tidewire.store.objects.storage import ObjectStorage
from tidewire.store.objects.stores import DirectoryStore
from tidewire.store.objects.writing import ObjectWriter, StoredObject


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


async def test_a_failure_to_finish_does_not_hide_behind_that_to_abort(
    objects: ObjectStorage, root: Path
) -> None:
    writer = objects.writer()
    await writer.write(b"x")
    (root / "shop").write_text("in the way")
    with pytest.raises(OSError, match="shop"):
        await writer.finish()
    await writer.abort()


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


async def test_a_writer_leaves_nothing_if_giving_up_is_cancelled_too(
    objects: ObjectStorage, root: Path
) -> None:
    async def write_all(writer: ObjectWriter) -> None:
        try:
            for _ in range(4):
                await writer.write(os.urandom(300_000))
            await writer.finish()
        except BaseException:
            await writer.abort()
            raise

    for steps in range(60):
        tasks = [asyncio.create_task(write_all(objects.writer())) for _ in range(20)]
        for _ in range(steps % 12):
            await asyncio.sleep(0)
        while not all(task.done() for task in tasks):
            for task in tasks:
                task.cancel()
            await asyncio.sleep(0)
    await asyncio.sleep(0.2)  # for what goes on in threads
    assert stored_files(root) == []
