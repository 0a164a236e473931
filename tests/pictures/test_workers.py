"""Workers: started when needed, ended beyond their bounds, in turns; what is kept stays bounded."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.pictures import corners, saved, shown
from tidewire.pictures.contract import (
    PictureError,
    PicturesBusyError,
    Rendering,
    TooLargeError,
    UndecodableError,
)
from tidewire.pictures.kept import KeptPicture, KeptPictures
from tidewire.pictures.pictures import Pictures
from tidewire.pictures.places import Places
from tidewire.settings import Settings

SMALL = Rendering(width=10, output="png")


_others: list[int] = []
"""Workers of servers that tests of other folders have left in this process."""


def workers() -> list[int]:
    """The processes that make pictures for the test."""
    return [each for each in _all_workers() if each not in _others]


def _all_workers() -> list[int]:
    children = [
        each for path in Path("/proc/self/task").glob("*/children") for each in path.read_text().split()
    ]
    return [each for each in map(int, children) if b"tidewire.pictures.worker" in _command(each)]


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
async def pictures(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Pictures]:
    _others[:] = _all_workers()
    settings: dict[str, Any] = getattr(request, "param", {})
    made = Pictures(Settings(data_dir=str(tmp_path), pictures_at_once=1, **settings))
    yield made
    await made.close()
    assert workers() == []


def test_servers_load_nothing_of_it() -> None:
    """What decodes and draws is loaded by workers alone, so that servers without previews pay nothing."""
    program = "import sys, tidewire.app\n"
    program += "parts = ('PIL', 'segno', 'tidewire.pictures.icons')\n"
    program += "print([each for each in parts if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_workers_that_cannot_be_started(pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nothing/there")
    with pytest.raises(PicturesBusyError):
        await pictures.drawn("a", SMALL, saved(corners()))
    monkeypatch.undo()
    assert await pictures.drawn("a", SMALL, saved(corners()))


async def test_nothing_is_there_before_the_first(pictures: Pictures, tmp_path: Path) -> None:
    assert workers() == []
    assert list(tmp_path.iterdir()) == []
    assert shown(await pictures.drawn("a", SMALL, saved(corners()))).width == 10
    [worker] = workers()
    assert shown(await pictures.drawn("a", SMALL, saved(corners()))).width == 10
    assert workers() == [worker]


async def test_workers_have_no_secrets(pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWIRE_SECRET_KEY", "very secret")
    await pictures.drawn("a", SMALL, saved(corners()))
    [worker] = workers()
    environment = Path(f"/proc/{worker}/environ").read_bytes()
    assert b"TIDEWIRE" not in environment
    assert b"secret" not in environment
    descriptors = {str(path.readlink()) for path in Path(f"/proc/{worker}/fd").iterdir()}
    assert all(each.startswith(("pipe:", "socket:", "/dev/null")) for each in descriptors), descriptors


@pytest.mark.parametrize("pictures", [{"pictures_idle_seconds": 0.05}], indirect=True)
async def test_idle_workers_end(pictures: Pictures) -> None:
    await pictures.drawn("a", SMALL, saved(corners()))
    async with asyncio.timeout(20):
        while workers():  # noqa: ASYNC110 - the system does not tell
            await asyncio.sleep(0.02)
    await pictures.drawn("a", SMALL, saved(corners()))


@pytest.mark.parametrize("pictures", [{"pictures_seconds": 0.4}], indirect=True)
async def test_one_that_takes_too_long_is_ended(pictures: Pictures) -> None:
    slow = saved(Image.effect_noise((4000, 4000), 90).convert("RGB"), "JPEG")
    with pytest.raises(TooLargeError, match="takes more than"):
        await pictures.drawn("a", Rendering(output="avif", quality=100), slow)
    # A start takes its time too: the next has as much of it as it needs.
    async with asyncio.timeout(30):
        while True:
            try:
                assert await pictures.drawn("a", SMALL, saved(corners()))
            except TooLargeError:
                continue
            break


@pytest.mark.parametrize("pictures", [{"pictures_memory_bytes": 256 * 2**20}], indirect=True)
async def test_one_that_needs_too_much_memory(pictures: Pictures) -> None:
    large = saved(Image.new("RGB", (8000, 8000), "red"))
    with pytest.raises(TooLargeError):
        await pictures.drawn("a", Rendering(output="png", width=4000, height=4000), large)
    assert shown(await pictures.drawn("a", SMALL, saved(corners()))).width == 10


async def test_a_worker_that_is_killed(pictures: Pictures) -> None:
    await pictures.drawn("a", SMALL, saved(corners()))
    os.kill(workers()[0], 9)
    results = []
    for _ in range(3):
        try:
            results.append(await pictures.drawn("a", SMALL, saved(corners())))
        except PictureError:
            results.append(b"")
    assert results[-1]


async def test_a_worker_that_is_killed_while_it_is_idle(pictures: Pictures) -> None:
    await pictures.drawn("a", SMALL, saved(corners()))
    [worker] = workers()
    os.kill(worker, signal.SIGKILL)
    await asyncio.to_thread(os.waitid, os.P_PID, worker, os.WEXITED | os.WNOWAIT)
    assert await pictures.drawn("a", SMALL, saved(corners()))


@pytest.mark.parametrize("pictures", [{"avatars_fetches_at_once": 1}], indirect=True)
async def test_what_was_fetched_is_made_before_more_is_fetched(pictures: Pictures) -> None:
    """So that what waits for a worker does not fill the memory."""
    begun: list[str] = []
    await pictures.drawn("a", SMALL, saved(corners()))
    [worker] = workers()

    async def fetch() -> bytes:
        begun.append("one")
        return saved(corners())

    os.kill(worker, signal.SIGSTOP)
    try:
        made = asyncio.gather(*(pictures.kept(name, name, SMALL, fetch=fetch) for name in "abc"))
        await asyncio.wait([made], timeout=0.5)
        assert len(begun) == 1
    finally:
        os.kill(worker, signal.SIGCONT)
    await made
    assert len(begun) == 3


async def test_content_that_breaks_off(pictures: Pictures, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"\x89PNG"
        raise ConnectionError("the store is gone")

    with pytest.raises((ConnectionError, PictureError)):
        await pictures.kept("x", "a", SMALL, broken, 1000)
    with pytest.raises(UndecodableError):
        await pictures.drawn("a", SMALL, b"nothing")
    with pytest.raises(UndecodableError):
        await pictures.kept("x", "a", SMALL, None)  # nothing was kept


async def test_the_same_picture_is_made_once(pictures: Pictures) -> None:
    begun = 0

    async def content() -> AsyncIterator[bytes]:
        nonlocal begun
        begun += 1
        yield png

    png = saved(corners())
    wanted = [pictures.kept("p/a/b", str(who), SMALL, content, len(png)) for who in range(10)]
    results = await asyncio.gather(*wanted)
    assert begun == 1
    assert len({picture.content for picture, _ in results}) == 1
    assert (await pictures.kept("p/a/b", "x", SMALL, content, len(png)))[1]


async def test_a_project_that_is_deleted(pictures: Pictures, tmp_path: Path) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield png

    png = saved(corners())
    for project in ("gone", "left"):
        await pictures.kept(f"previews/{project}/1/1/x", "a", SMALL, content, len(png))
    pictures.forget_project("gone")
    await pictures.close()
    assert [path.name for path in (tmp_path / "pictures/previews").iterdir()] == ["left"]


async def test_who_waits_takes_turns() -> None:
    places = Places(1, 100, 50)
    order: list[str] = []

    async def one(who: str) -> None:
        async with places.taken(who):
            order.append(who)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for who in ["many"] * 20 + ["few"] * 2 + ["one"]:
            group.create_task(one(who))
    assert order.index("one") <= 4
    assert [place for place, who in enumerate(order) if who == "few"][-1] <= 6


async def test_too_many_are_refused() -> None:
    places = Places(1, 3, 2)
    async with places.taken("a"):
        waiting = [asyncio.create_task(_taken(places, who)) for who in ("a", "a", "b")]
        await asyncio.sleep(0)
        for who in ("a", "c"):
            with pytest.raises(PicturesBusyError):
                await _taken(places, who)
        waiting[0].cancel()
        await asyncio.sleep(0)
        waiting.append(asyncio.create_task(_taken(places, "c")))
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in done] == [asyncio.CancelledError, type(None), type(None), type(None)]
    await _taken(places, "d")


async def _taken(places: Places, who: str) -> None:
    async with places.taken(who):
        pass


async def test_who_wants_the_picture_of_a_flood_does_not_wait_behind_it(pictures: Pictures) -> None:
    content = saved(Image.effect_noise((1500, 1500), 90).convert("RGB"))
    job = Rendering(width=1400, output="webp", quality=100)

    def kept(name: str, who: str) -> asyncio.Task[tuple[KeptPicture, bool]]:
        return asyncio.create_task(pictures.kept(name, who, job, lambda: _one(content), len(content)))

    flood = [kept(f"previews/p/{number}", "flooder") for number in range(10)]
    await asyncio.sleep(0.1)  # until they stand in line
    same = kept("previews/p/9", "visitor")
    picture, hit = await same
    assert (picture.size > 0, hit) == (True, False)
    assert sum(not task.done() for task in flood) >= 5
    assert flood[9].done() or (await flood[9])[0].content == picture.content
    await asyncio.gather(*flood)
    assert shown(picture.content or picture.path.read_bytes()).size[0] == 1400


@pytest.mark.parametrize("pictures", [{"pictures_waiting_of_caller": 1}], indirect=True)
async def test_a_picture_fails_for_all_only_if_nobody_can_wait_for_it(pictures: Pictures) -> None:
    content = saved(Image.effect_noise((1500, 1500), 90).convert("RGB"))

    def kept(name: str, who: str, size: int) -> asyncio.Task[tuple[KeptPicture, bool]]:
        return asyncio.create_task(pictures.kept(name, who, SMALL, lambda: _one(content), size))

    flood = [kept(f"previews/p/{number}", "flooder", len(content)) for number in range(8)]
    await asyncio.sleep(0.05)
    visitor = [kept(f"previews/p/{number}", "visitor", len(content)) for number in (6, 7)]
    done = await asyncio.gather(*flood, *visitor, return_exceptions=True)
    assert any(isinstance(each, PicturesBusyError) for each in done)
    assert any(not isinstance(each, BaseException) for each in done)
    assert not any(isinstance(each, asyncio.CancelledError) for each in done)
    broken = [kept("previews/p/broken", who, len(content) - 1) for who in ("a", "b", "c")]
    for each in await asyncio.gather(*broken, return_exceptions=True):
        assert isinstance(each, UndecodableError)
    assert (await kept("previews/p/broken", "a", len(content)))[1] is False


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_one_that_gives_up_waiting_leaves_the_line() -> None:
    places = Places(1, 10, 1)
    async with places.taken("a"):
        waiting = asyncio.create_task(_taken(places, "b"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        again = asyncio.create_task(_taken(places, "b"))
        await asyncio.sleep(0)
        assert not again.done()
    await again


def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    kept = KeptPictures(tmp_path / "kept", 10_000)
    for number in range(40):
        kept.keep(f"a/{number}/x", bytes([number]) * 1000)
        os.utime(tmp_path / f"kept/a/{number}/x", (number + 1, number + 1))
    files = [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]
    assert 8 <= len(files) <= 11
    newest = kept.find("a/39/x")
    assert newest is not None
    assert (newest.size, newest.read(1, 3)) == (1000, bytes([39]) * 2)
    assert kept.find("a/0/x") is None
    assert kept.keep("large", bytes(9000)).read(0, 2) == b"\0\0"
    assert kept.find("large") is None
    kept.forget("a")
    assert kept.find("a/39/x") is None


def test_a_project_that_asks_for_ever_more_loses_its_own(tmp_path: Path) -> None:
    kept = KeptPictures(tmp_path, 20_000)
    quiet = [f"previews/quiet/1/{number}" for number in range(4)]
    for number, name in enumerate(quiet):
        kept.keep(name, bytes([7]) * 1000)
        os.utime(tmp_path / name, (number + 1, number + 1))  # longer ago than all others
    for number in range(60):
        kept.keep(f"avatars/loud/{number}", bytes([8]) * 1000)
    assert all(kept.find(name) for name in quiet)
    assert kept.find("avatars/loud/59") is not None
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 22_000
    for number in range(60):
        kept.keep(f"previews/other/1/{number}", bytes([9]) * 1000)
    left = [path.parts[len(tmp_path.parts) + 1] for path in tmp_path.rglob("*") if path.is_file()]
    assert left.count("quiet") == 4
    assert abs(left.count("loud") - left.count("other")) <= 3


def test_several_processes_bound_one_folder(tmp_path: Path) -> None:
    several = [KeptPictures(tmp_path, 100_000) for _ in range(4)]
    for number in range(240):
        several[number % 4].keep(str(number), bytes(1000))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 140_000


def test_one_without_content_is_made_again(tmp_path: Path) -> None:
    """As a machine that lost its power may leave it."""
    kept = KeptPictures(tmp_path, 10_000)
    kept.keep("a", b"whole")
    (tmp_path / "a").write_bytes(b"")
    assert kept.find("a") is None


def test_a_large_one_is_read_from_the_disk(tmp_path: Path) -> None:
    kept = KeptPictures(tmp_path, 100_000_000)
    content = os.urandom(2_000_000)
    kept.keep("a", content)
    found = kept.find("a")
    assert found is not None
    assert found.content == b""
    assert b"".join(found.read(start, start + 500_000) for start in range(0, 2_000_000, 500_000)) == content
