"""A database that was put back from a copy is noticed, whatever put it back; everything else is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tidewire.store.engine import event_log
from tidewire.store.engine.database import Database

NAME = "database.sqlite3"


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True)


def copied_to_an_empty_place(backup: Path, data: Path) -> None:
    shutil.rmtree(data)
    run("cp", "-a", backup, data)


def copied_without_times(backup: Path, data: Path) -> None:
    shutil.rmtree(data)
    run("cp", "-r", backup, data)


def copied_over(backup: Path, data: Path) -> None:
    run("cp", "-a", f"{backup}/.", data)


def copied_over_without_times(backup: Path, data: Path) -> None:
    run("cp", "-r", f"{backup}/.", data)


def unpacked(backup: Path, data: Path) -> None:
    archive = data.with_name("data.tar")
    run("tar", "-C", backup, "-cf", archive, ".")
    run("tar", "-C", data, "-xf", archive)


def synchronised(backup: Path, data: Path) -> None:
    """As rsync does: what has the same size and time is left alone, the rest replaced under its old time."""
    for path in backup.iterdir():
        there, old = data / path.name, path.stat()
        if there.exists():
            present = there.stat()
            if (present.st_size, present.st_mtime_ns) == (old.st_size, old.st_mtime_ns):
                continue
        shutil.copy(path, there.with_suffix(".new"))
        os.utime(there.with_suffix(".new"), ns=(old.st_atime_ns, old.st_mtime_ns))
        there.with_suffix(".new").rename(there)
    for path in data.iterdir():
        if not (backup / path.name).exists():
            path.unlink()


def database_copied_over(backup: Path, data: Path) -> None:
    for path in data.glob(f"{NAME}-*"):
        path.unlink()
    for path in [backup / NAME, *backup.glob(f"{NAME}-wal")]:
        run("cp", "-p", path, data / path.name)


def database_copied_over_without_times(backup: Path, data: Path) -> None:
    run("cp", backup / NAME, data / NAME)


def database_moved_back(backup: Path, data: Path) -> None:
    for path in data.glob(f"{NAME}-*"):
        path.unlink()
    for path in [backup / NAME, *backup.glob(f"{NAME}-wal")]:
        shutil.move(path, data / path.name)


WHOLE = [
    copied_to_an_empty_place,
    copied_without_times,
    copied_over,
    copied_over_without_times,
    unpacked,
    synchronised,
    database_copied_over,
    database_moved_back,
]


async def epoch(data: Path) -> str:
    database = await Database.open(data / NAME, "shop")
    name = await database.read(event_log.epoch)
    await database.close()
    return name


def write_an_event(data: Path, backup: Path | None, *, close: bool) -> None:
    """Write in another process, copy everything while it is open, write again; then close, or die."""
    program = f"""
import asyncio, os, pathlib, shutil
from tests.store.samples import event
from tidewire.store.engine.database import Database
async def main():
    database = await Database.open(pathlib.Path({str(data / NAME)!r}), "shop")
    await database.write(lambda transaction: transaction.append(event()))
    if {backup is not None}:
        shutil.copytree({str(data)!r}, {str(backup)!r})
    await database.write(lambda transaction: transaction.append(event()))
    if {close}:
        await database.close()
    os._exit(0)
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("put_back", [*WHOLE, database_copied_over_without_times])
async def test_a_copy_of_what_was_closed_is_noticed(
    tmp_path: Path, put_back: Callable[[Path, Path], None]
) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    before = await epoch(data)
    shutil.copytree(data, backup)
    write_an_event(data, None, close=True)
    assert await epoch(data) == before
    put_back(backup, data)
    after = await epoch(data)
    assert after != before
    assert await epoch(data) == after


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("put_back", WHOLE)
async def test_a_copy_of_what_was_open_is_noticed(
    tmp_path: Path, put_back: Callable[[Path, Path], None], closed: bool
) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    before = await epoch(data)
    write_an_event(data, backup, close=closed)
    put_back(backup, data)
    after = await epoch(data)
    assert after != before
    assert await epoch(data) == after


async def test_a_copy_of_what_was_closed_is_noticed_after_a_crash(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    before = await epoch(data)
    shutil.copytree(data, backup)
    write_an_event(data, None, close=False)
    synchronised(backup, data)
    assert await epoch(data) != before


@pytest.mark.parametrize("closed", [True, False])
async def test_neither_a_crash_nor_a_move_is_a_copy(tmp_path: Path, closed: bool) -> None:
    data = tmp_path / "data"
    before = await epoch(data)
    for _ in range(3):
        write_an_event(data, None, close=closed)
        assert await epoch(data) == before
    write_an_event(data, None, close=closed)
    data.rename(tmp_path / "elsewhere")
    assert await epoch(tmp_path / "elsewhere") == before


async def test_crashes_of_who_only_reads_are_no_copies(tmp_path: Path) -> None:
    """SQLite changes the owner, and so the ctime, of the log that it finds, if it is root's."""
    data = tmp_path / "data"
    before = await epoch(data)
    write_an_event(data, None, close=False)
    program = f"""
import asyncio, os
from pathlib import Path
from tidewire.store.engine import event_log
from tidewire.store.engine.database import Database

async def main():
    database = await Database.open(Path({str(data / NAME)!r}), "shop")
    await database.read(event_log.last_offset)
    os._exit(0)

asyncio.run(main())
"""
    for _ in range(2):
        run(sys.executable, "-c", program)
    assert await epoch(data) == before


async def test_a_crash_while_it_closes_is_no_copy(tmp_path: Path) -> None:
    """Of one that crashed before, was opened again, and was only read."""
    data = tmp_path / "data"
    before = await epoch(data)
    write_an_event(data, None, close=False)
    program = f"""
import asyncio, os
from pathlib import Path
from tidewire.store.engine import event_log
from tidewire.store.engine.sqlite import opening
from tidewire.store.engine.database import Database

async def main():
    database = await Database.open(Path({str(data / NAME)!r}), "shop")
    await database.read(event_log.last_offset)
    opening.note_closed = lambda lock, path: os._exit(0)  # the log is gone, and this is not noted yet
    await database.close()

asyncio.run(main())
"""
    run(sys.executable, "-c", program)
    assert not (data / f"{NAME}-wal").stat().st_size
    assert await epoch(data) == before


async def test_an_operator_can_say_that_it_is_a_copy(tmp_path: Path) -> None:
    before = await epoch(tmp_path)
    (tmp_path / f"{NAME}.users").unlink()
    assert await epoch(tmp_path) != before
