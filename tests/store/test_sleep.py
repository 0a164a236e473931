"""Databases that nobody uses are closed, and open again when somebody does; nothing is lost by it."""

from __future__ import annotations

import asyncio
import http.client
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Insert, text

from tests.store.samples import event
from tests.support.server import TidewireServer
from tidewire.core.errors import TidewireError
from tidewire.core.time import now
from tidewire.settings import Settings
from tidewire.store.engine import event_log
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import NEVER, Database, Transaction
from tidewire.store.engine.deadlines import too_long
from tidewire.store.engine.jobs import Job
from tidewire.store.engine.reading import FairQueue, Share, present_share
from tidewire.store.engine.threads import ThreadPool
from tidewire.store.instance.instance import DEFAULT_PROJECT_ID, Instance, ProjectStore
from tidewire.store.records.due import OPEN
from tidewire.store.schema import dropped_tables, outgoing_messages, webhooks


@pytest.fixture
async def sleepy(settings: Settings) -> AsyncIterator[Instance]:
    opened = await Instance.open(msgspec.structs.replace(settings, database_idle_seconds=0.1))
    yield opened
    await opened.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def held(what: str) -> int:
    """Descriptors (``fd``) or threads (``task``) of this process."""
    return len(list(Path(f"/proc/self/{what}").iterdir()))


async def opened(instance: Instance, project_id: str = DEFAULT_PROJECT_ID) -> ProjectStore:
    store = await instance.project(project_id)
    assert store is not None
    await store.database.wake()
    return store


async def test_an_idle_database_sleeps_and_wakes_with_what_was_written(sleepy: Instance) -> None:
    database = (await opened(sleepy)).database
    heard: list[int] = []
    database.listen(lambda events: heard.extend(logged.offset for logged in events))
    found = await database.find(event_log.last_offset, NEVER)
    await database.write(lambda transaction: transaction.append(event()))
    await until(lambda: not database.is_awake)
    assert database.find_at_once(event_log.last_offset, found) is None
    assert sleepy.open_databases() == [sleepy.database]
    assert await database.read(event_log.last_offset) == 1
    await until(lambda: not database.is_awake)
    await database.write(lambda transaction: transaction.append(event()))
    assert heard == [1, 2]


async def test_it_wakes_in_the_moment_in_which_it_has_fallen_asleep(sleepy: Instance) -> None:
    database = (await opened(sleepy)).database
    read: list[asyncio.Task[int]] = []
    fall_asleep = database._fall_asleep

    async def fall_asleep_and_read() -> None:
        await fall_asleep()
        # It runs before what was to be done at the end of this.
        read.append(asyncio.ensure_future(database.read(event_log.last_offset)))

    database._fall_asleep = fall_asleep_and_read  # type: ignore[method-assign]
    await until(lambda: bool(read))
    assert await read[0] == 0


def connections_of(process: int, database: Path) -> int:
    """How many connections a process has to a database: each has the file open once."""
    found = 0
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        try:
            found += descriptor.readlink() == database
        except FileNotFoundError:
            continue
    return found


def test_a_project_that_was_asleep_answers_with_one_connection_and_makes_no_file(tmp_path: Path) -> None:
    """To open a connection, and on some file systems to make a file, takes longer than most answers."""
    database = tmp_path / "data" / "projects" / "default" / "database.sqlite3"
    noted = [tmp_path / "data" / "due" / "default", *map(database.with_name, (
        "database.sqlite3-wal", "database.sqlite3-shm", "database.sqlite3.lock", "database.sqlite3.users"
    ))]  # fmt: skip
    environment = {"TIDEWIRE_RATE_LIMITS": "off", "TIDEWIRE_DATABASE_IDLE_SECONDS": "2"}
    server = TidewireServer(tmp_path / "data", environment=environment).start()
    assert server.process
    opened = []
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    try:
        headers = {"X-Appwrite-Project": "default"}
        for _ in range(2):
            deadline = time.monotonic() + 60
            while connections_of(server.process.pid, database) or not database.exists():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            before = [path.stat().st_ino for path in noted]
            assert not noted[1].stat().st_size
            for path in ("rows/r", "rows/r", "rows", "rows"):
                connection.request("GET", f"/v1/tablesdb/d/tables/t/{path}", headers=headers)
                answer = connection.getresponse()
                assert answer.status == 404, answer.read()
                answer.read()
                opened.append(connections_of(server.process.pid, database))
            assert [path.stat().st_ino for path in noted] == before
    finally:
        connection.close()
        server.stop()
    assert opened == [1, 1, 1, 2] * 2


async def test_what_is_committed_counts_while_the_first_read_has_the_only_connection(
    database: Database,
) -> None:
    present_share.set(Share("guest/a", 2, 5.0))
    found = await database.find(event_log.last_offset, NEVER)
    reading, release = threading.Event(), threading.Event()

    def unit(connection: Connection) -> tuple[int, int]:
        first = event_log.last_offset(connection)
        reading.set()
        assert release.wait(60)
        return first, event_log.last_offset(connection)

    read = asyncio.create_task(database.read(unit))
    await asyncio.to_thread(reading.wait, 60)
    assert not database.holds(found)
    assert database.find_at_once(event_log.last_offset) is None
    await database.write(lambda transaction: transaction.append(event()))
    assert (await database.find(event_log.last_offset, found)).value == 1
    release.set()
    assert await read == (0, 0)
    assert not database.holds(found)
    found = await database.find(event_log.last_offset, found)
    assert found.value == 1
    assert database.holds(found)


async def test_a_first_read_that_takes_long_gives_the_connection_back(database: Database) -> None:
    present_share.set(Share("guest/a", 2, 0.5))
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(TidewireError) as caught:
        await database.read(lambda connection: connection.execute(text(endless)).all())
    assert caught.value.type == "database_timeout"
    found = await database.find(event_log.last_offset, NEVER)
    assert database.holds(found)
    at_once = database.find_at_once(event_log.last_offset)
    assert at_once is not None
    assert at_once.value == 0


async def test_of_a_deleted_project_no_note_is_left(sleepy: Instance, directory: Path) -> None:
    await sleepy.create_project("gone", "")
    notes = directory / "due"
    assert (notes / "gone").exists()
    await sleepy.delete_project("gone")
    assert not (notes / "gone").exists()
    assert "gone" not in await sleepy.due()


async def test_who_needs_it_keeps_it_awake(sleepy: Instance) -> None:
    database = (await opened(sleepy)).database
    needed = True
    withdraw = database.keep_awake_while(lambda: needed)
    assert not database.try_to_sleep()
    needed = False
    assert database.try_to_sleep()
    withdraw()
    await until(lambda: not database.is_awake)


async def test_many_projects_need_no_more_threads_and_descriptors(sleepy: Instance) -> None:
    await opened(sleepy)
    before = held("fd")
    for number in range(60):
        await sleepy.create_project(f"p{number}", "")
    async with asyncio.timeout(60):
        while await sleepy.due():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert sleepy.open_databases() == [sleepy.database]
    assert held("fd") <= before + 12
    assert held("task") <= 64


async def test_databases_that_sleep_give_their_memory_back(sleepy: Instance) -> None:
    projects = [f"p{number}" for number in range(60)]
    for project_id in projects:
        await sleepy.create_project(project_id, "")
    await until(lambda: sleepy.open_databases() == [sleepy.database])
    before = resident()
    instance = [await opened(sleepy, project_id) for project_id in projects]
    for store in instance:
        await store.database.read(event_log.last_offset)
    await until(lambda: sleepy.open_databases() == [sleepy.database])
    await until(lambda: resident() - before < 0.1 * len(projects))


def resident() -> float:
    """Megabytes of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


MESSAGE = outgoing_messages.insert().values(
    channel="mail", recipient="a@b.test", created_at=1, next_attempt_at=77
)
WEBHOOK = webhooks.insert().values(
    id="w", created_at=1, updated_at=1, url="https://example.com", position=0, next_attempt_at=88
)
CHANGE = dropped_tables.insert().values(table_sequence=1)


@pytest.mark.parametrize(("what", "when"), [(MESSAGE, 77), (WEBHOOK, 88), (CHANGE, None)])
async def test_what_is_due_is_known_without_opening(
    settings: Settings, directory: Path, what: Insert, when: int | None
) -> None:
    instance = await Instance.open(settings)
    await instance.create_project("quiet", "")
    database = (await opened(instance)).database
    assert await instance.due() == {"quiet": OPEN, DEFAULT_PROJECT_ID: OPEN}

    def unit(transaction: Transaction) -> None:
        transaction.connection.execute(what)
        transaction.append(event())

    await database.write(unit)
    before = now()
    await instance.close()
    instance = await Instance.open(settings)
    due = await instance.due()
    assert due.keys() == {DEFAULT_PROJECT_ID}
    assert due[DEFAULT_PROJECT_ID] == when or (when is None and before <= due[DEFAULT_PROJECT_ID] <= now())
    assert instance.open_databases() == [instance.database]
    await instance.close()


async def test_after_a_kill_what_was_open_is_known_without_opening(
    settings: Settings, directory: Path
) -> None:
    """Whatever was committed there before: it may be due."""
    instance = await Instance.open(settings)
    await instance.create_project("quiet", "")
    await instance.close()
    program = f"""
import asyncio, os, signal
from tests.store.samples import event
from tidewire.settings import Settings
from tidewire.store.instance.instance import DEFAULT_PROJECT_ID, Instance

async def main():
    instance = await Instance.open(Settings(data_dir={settings.data_dir!r}))
    store = await instance.project(DEFAULT_PROJECT_ID)
    await store.database.write(lambda transaction: transaction.append(event()))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    killed = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], check=False)
    assert killed.returncode == -signal.SIGKILL
    instance = await Instance.open(settings)
    assert await instance.due() == {DEFAULT_PROJECT_ID: OPEN}
    assert instance.open_databases() == [instance.database]
    await instance.close()


async def test_a_caller_with_many_reads_holds_nobody_up() -> None:
    """Of two places a party that may have one leaves the other to who asks for little."""
    pool = ThreadPool("test", 2)
    queue = FairQueue(pool)
    loop = asyncio.get_running_loop()
    order: list[str] = []
    release = asyncio.Event()

    def wait() -> None:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(60)

    def put(name: str, work: Callable[[], None]) -> Job[None]:
        job = Job(loop, work)
        queue.put(Share(name, 1, 60), job)
        return job

    greedy = [put("greedy", wait) for _ in range(16)]
    for name in ("modest", "other"):
        async with asyncio.timeout(60):
            await put(name, lambda name=name: order.append(name)).future  # type: ignore[misc]
    assert order == ["modest", "other"]
    assert not any(job.finished for job in greedy)
    release.set()
    await asyncio.gather(*(job.future for job in greedy))
    pool.close()


async def test_who_has_had_the_least_done_comes_first() -> None:
    """A newcomer with a small read does not wait for one of each of those whose reads cost much."""
    pool = ThreadPool("test", 1)
    queue = FairQueue(pool)
    loop = asyncio.get_running_loop()
    order: list[str] = []
    running, release = asyncio.Event(), asyncio.Event()

    def work(name: str) -> None:
        ends = time.thread_time() + (0.01 if name != "modest" else 0)
        while time.thread_time() < ends:
            continue
        order.append(name)
        if order == ["greedy 0"]:
            loop.call_soon_threadsafe(running.set)
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result(60)

    def put(name: str) -> Job[None]:
        job = Job(loop, lambda: work(name))
        queue.put(Share(name, 1, 60), job)
        return job

    futures = [put(f"greedy {number}").future for _ in range(2) for number in range(4)]
    await running.wait()
    release.set()
    async with asyncio.timeout(60):
        await asyncio.gather(*futures)
    order.clear()
    order.append("")
    futures = [put(f"greedy {number}").future for number in range(4)]
    futures.append(put("modest").future)
    async with asyncio.timeout(60):
        await asyncio.gather(*futures)
    assert order.index("modest") <= 2  # behind the one that was running already
    pool.close()


async def test_many_callers_with_long_reads_hold_up_nobody_with_short_ones() -> None:
    """Neither a guest nor a user waits for guests of many addresses with long reads."""
    pool = ThreadPool("test", 4)
    queue = FairQueue(pool, 3)
    loop = asyncio.get_running_loop()
    release = asyncio.Event()

    def put(name: str, *, long: bool, guest: bool = True) -> Job[None]:
        def work() -> None:
            if long and job.is_trial:
                raise too_long()
            if long:
                asyncio.run_coroutine_threadsafe(release.wait(), loop).result(60)

        job: Job[None] = Job(loop, work, may_begin_again=True)
        queue.put(Share(name, 2, 60, waiting=4, guest=guest), job)
        return job

    greedy = [put(f"greedy {number}", long=True) for number in range(8) for _ in range(4)]
    with pytest.raises(TidewireError, match="wait"):
        greedy.extend(put("greedy 0", long=True) for _ in range(5))
    for guest in (True, False):
        async with asyncio.timeout(60):
            await put(f"modest {guest}", long=False, guest=guest).future
    assert not any(job.finished for job in greedy)
    release.set()
    async with asyncio.timeout(60):
        await asyncio.gather(*(job.future for job in greedy))
    pool.close()
