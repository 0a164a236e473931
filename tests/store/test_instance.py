"""The data directory: first start, projects, keys, what is kept in memory."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import delete, update

from tests.support.platforms import register_platform
from tidewire.core.errors import TidewireError
from tidewire.core.origins import Platform
from tidewire.settings import Settings
from tidewire.store.caches.cache import Cache
from tidewire.store.engine import event_log
from tidewire.store.engine.database import Database
from tidewire.store.engine.state import read_state, write_state
from tidewire.store.errors import StoreError
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, DEFAULT_PROJECT_ID, Instance
from tidewire.store.schema import keys, projects
from tidewire.store.secrets.secret_file import load_secrets, settle_secrets
from tidewire.store.upkeep.maintenance import Rounds

HOSTILE = [
    "",
    ".",
    "..",
    "../default",
    "a/b",
    "/etc",
    "a\0b",
    "ü",
    "x" * 37,
    "-a",
    "_a",
    "a b",
    "a\n",
    "%2e%2e",
    "\ud800",
]


async def test_the_first_start_creates_what_is_needed(settings: Settings, directory: Path) -> None:
    instance = await Instance.open(settings)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert len(instance.jwt_secret) == 32
    assert [project.id for project in await instance.list_projects()] == [DEFAULT_PROJECT_ID]
    await instance.close()
    again = await Instance.open(settings)
    assert again.jwt_secret == instance.jwt_secret
    assert len(await again.list_projects()) == 1
    await again.close()


async def test_nothing_is_readable_for_others_in_a_directory_somebody_made(
    settings: Settings, directory: Path
) -> None:
    directory.mkdir(mode=0o755)
    instance = await Instance.open(settings)
    await instance.project(DEFAULT_PROJECT_ID)
    assert {entry.stat().st_mode & 0o077 for entry in directory.rglob("*")} == {0}
    await instance.close()


async def test_a_deleted_first_project_does_not_come_back(settings: Settings) -> None:
    instance = await Instance.open(settings)
    await instance.database.write(
        lambda transaction: transaction.connection.execute(delete(projects)) and None
    )
    await instance.close()
    again = await Instance.open(settings)
    assert await again.list_projects() == []
    await again.close()


async def test_processes_that_start_at_once_share_one_directory(settings: Settings) -> None:
    program = (
        "import asyncio, sys\n"
        "from tidewire.settings import Settings\n"
        "from tidewire.store.instance.instance import Instance\n"
        "async def main():\n"
        "    instance = await Instance.open(Settings(data_dir=sys.argv[1]))\n"
        "    await instance.project('default')\n"
        "    print(instance.jwt_secret.hex())\n"
        "    await instance.close()\n"
        "asyncio.run(main())\n"
    )
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, settings.data_dir, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    outputs = {(await process.communicate())[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(outputs) == 1
    instance = await Instance.open(settings)
    assert len(await instance.list_projects()) == 1
    await instance.close()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"jwt_secret":"zz"}', b'{"jwt_secret":"00"}', b"\xff"])
async def test_a_damaged_file_of_secrets_is_named(
    settings: Settings, directory: Path, content: bytes
) -> None:
    directory.mkdir()
    (directory / "secrets.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"secrets\.json"):
        await Instance.open(settings)


async def test_projects_have_databases_and_objects_of_their_own(instance: Instance) -> None:
    await instance.create_project("second", "Two")
    first, second = await instance.project(DEFAULT_PROJECT_ID), await instance.project("second")
    assert first is not None
    assert second is not None
    assert second.project.name == "Two"
    assert (await instance.project("second")).database is second.database  # type: ignore[union-attr]
    await first.database.write(lambda transaction: write_state(transaction.connection, "name", "first"))
    assert await second.database.read(lambda connection: read_state(connection, "name")) is None
    assert second.objects.writer().key.startswith("second/")


async def test_the_console_is_a_project(instance: Instance) -> None:
    console = await instance.project(CONSOLE_PROJECT_ID)
    assert console is not None
    assert console.database is instance.database
    assert console.objects.writer().key.startswith("console/")


@pytest.mark.parametrize("project_id", HOSTILE)
async def test_hostile_ids_are_no_projects(instance: Instance, project_id: str) -> None:
    assert await instance.project(project_id) is None
    with pytest.raises(TidewireError) as caught:
        await instance.create_project(project_id, "Hostile")
    assert caught.value.type == "general_argument_invalid"
    assert await instance.keys.of_project(project_id, "standard_x") is None


@pytest.mark.parametrize(
    ("project_id", "error"),
    [
        ("default", "project_already_exists"),
        ("DEFAULT", "project_already_exists"),
        ("console", "project_reserved_project"),
        ("Console", "project_reserved_project"),
    ],
)
async def test_taken_ids_are_refused(instance: Instance, project_id: str, error: str) -> None:
    with pytest.raises(TidewireError) as caught:
        await instance.create_project(project_id, "")
    assert caught.value.type == error


async def test_many_requests_open_a_project_once(instance: Instance) -> None:
    await instance.create_project("busy", "")
    found = [await instance.project(DEFAULT_PROJECT_ID) for _ in range(20)]
    [database] = {store.database for store in found if store}
    waiting = asyncio.create_task(database.wake())
    await asyncio.sleep(0)
    waiting.cancel()
    assert await asyncio.gather(*(database.read(event_log.last_offset) for _ in range(20))) == [0] * 20
    assert len(instance.open_databases()) == 3


async def test_a_project_that_could_not_be_opened_can_be_later(instance: Instance, directory: Path) -> None:
    obstacle = directory / "projects" / DEFAULT_PROJECT_ID
    obstacle.write_text("in the way")
    store = await instance.project(DEFAULT_PROJECT_ID)
    assert store is not None
    for _ in range(2):
        with pytest.raises(OSError, match=DEFAULT_PROJECT_ID):
            await store.database.read(event_log.last_offset)
    assert instance.open_databases() == [instance.database]
    obstacle.unlink()
    assert await store.database.read(event_log.last_offset) == 0


async def test_a_key_belongs_to_its_project(instance: Instance) -> None:
    await instance.create_project("second", "")
    key, secret = await instance.create_key("second", "Key", frozenset({"files.read", "files.write"}), 5)
    assert secret.startswith("standard_")
    assert len(secret) == len("standard_") + 256
    assert await instance.keys.of_project("second", secret) == key
    assert await instance.keys.of_project("second", secret.removeprefix("standard_")) == key
    assert key.scopes == {"files.read", "files.write"}
    assert key.expires == 5
    assert await instance.keys.of_project(DEFAULT_PROJECT_ID, secret) is None
    for wrong in ("", "standard_", secret[:-1], secret + "0", secret.upper(), "ü", "x" * 5000):
        assert await instance.keys.of_project("second", wrong) is None
    with pytest.raises(TidewireError) as caught:
        await instance.create_key("missing", "Key", frozenset(), 0)
    assert caught.value.type == "project_not_found"


async def test_secrets_are_stored_only_as_hashes(instance: Instance, directory: Path) -> None:
    _, secret = await instance.create_key(DEFAULT_PROJECT_ID, "Key", frozenset(), 0)
    assert await instance.keys.of_project(DEFAULT_PROJECT_ID, secret) is not None
    await instance.close()
    bare = secret.removeprefix("standard_").encode()
    for file in directory.rglob("*"):
        assert not file.is_file() or bare not in file.read_bytes()


async def test_changes_by_another_process_are_seen_at_once(instance: Instance) -> None:
    other = await Instance.open(instance.settings)
    key, secret = await instance.create_key(DEFAULT_PROJECT_ID, "Key", frozenset(), 0)
    for _ in range(2):
        assert await instance.keys.of_project(DEFAULT_PROJECT_ID, secret) == key
    await register_platform(other, DEFAULT_PROJECT_ID, "Web", Platform("web", hostname="shop.example"))
    store = await instance.project(DEFAULT_PROJECT_ID)
    assert store is not None
    assert store.project.platforms == (Platform("web", hostname="shop.example"),)
    await other.database.write(
        lambda transaction: transaction.connection.execute(update(projects).values(name="Renamed")) and None
    )
    store = await instance.project(DEFAULT_PROJECT_ID)
    assert store is not None
    assert store.project.name == "Renamed"
    await other.database.write(lambda transaction: transaction.connection.execute(delete(keys)) and None)
    assert await instance.keys.of_project(DEFAULT_PROJECT_ID, secret) is None
    await other.close()


async def test_a_cache_keeps_no_more_than_its_capacity_and_nothing_outdated(instance: Instance) -> None:
    reads: list[str] = []
    cache: Cache[str] = Cache(instance.database, 2)

    def read(name: str) -> str:
        reads.append(name)
        return name

    async def get(name: str) -> str | None:
        return await cache.get(name, lambda _: read(name))

    for name in ("a", "a", "b", "a", "c", "a"):
        assert await get(name) == name
    assert reads == ["a", "b", "c", "a"]

    def overtaken(_: object) -> str:
        with closing(sqlite3.connect(instance.database.path)) as another:
            another.execute("INSERT OR REPLACE INTO state (name, value) VALUES ('x', '')")
            another.commit()
        return "old"

    assert await cache.get("d", overtaken) == "old"
    assert await cache.get("d", lambda _: "new") == "new"


def test_the_file_of_secrets_is_json(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    secrets = load_secrets(path, create=True)
    assert not secrets.settled
    assert load_secrets(path, create=False) == secrets
    settle_secrets(path)
    content = msgspec.json.decode(path.read_bytes())
    assert content == {"jwt_secret": secrets.jwt_secret.hex()}
    assert load_secrets(path, create=False) == replace(secrets, settled=True)


async def test_many_workers_may_begin_at_the_same_moment(settings: Settings, directory: Path) -> None:
    first = await Instance.open(settings)
    for number in range(20):
        await first.create_project(f"p{number}", "")
    await first.close()
    for _ in range(5):
        shutil.rmtree(directory / "due")
        opened = await asyncio.gather(*(Instance.open(settings) for _ in range(8)))
        assert len(await opened[0].due()) >= 20
        for instance in opened:
            await instance.close()


async def test_lost_secrets_are_not_made_anew(settings: Settings, directory: Path) -> None:
    await (await Instance.open(settings)).close()
    (directory / "secrets.json").unlink()
    with pytest.raises(StoreError, match=r"secrets\.json is missing"):
        await Instance.open(settings)
    assert not list(directory.glob("secrets*"))


@pytest.mark.parametrize("content", [None, b"", b"\0" * 8192, b"no database"])
async def test_a_lost_platform_is_not_made_anew(
    settings: Settings, directory: Path, content: bytes | None
) -> None:
    await (await Instance.open(settings)).close()
    spoil(directory, CONSOLE_PROJECT_ID, content)
    with pytest.raises(StoreError, match=r"console/database\.sqlite3"):
        await Instance.open(settings)


@pytest.mark.parametrize("interrupted", ["secrets.json", "projects/console"])
async def test_an_interrupted_first_start_is_begun_again(
    settings: Settings, directory: Path, interrupted: str
) -> None:
    await (await Instance.open(settings)).close()
    (directory / "secrets.json").rename(directory / "secrets.json.new")
    if interrupted != "secrets.json":
        spoil(directory, CONSOLE_PROJECT_ID, b"")
    instance = await Instance.open(settings)
    assert await instance.project(DEFAULT_PROJECT_ID) is not None
    await instance.close()
    assert (directory / "secrets.json").exists()


@pytest.mark.parametrize("content", [None, b"", b"\0" * 8192, b"no database"])
async def test_a_lost_project_is_refused_and_others_are_not(
    settings: Settings, directory: Path, content: bytes | None
) -> None:
    instance = await Instance.open(settings)
    await instance.create_project("other", "Other")
    lost = await instance.project(DEFAULT_PROJECT_ID)
    assert lost is not None
    await lost.database.wake()
    writer = lost.objects.writer()
    await writer.write(b"precious")
    kept = directory / "objects" / (await writer.finish()).key
    os.utime(kept, (1, 1))
    await instance.close()
    spoil(directory, DEFAULT_PROJECT_ID, content)
    instance = await Instance.open(settings)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"default/database\.sqlite3"):
            await wake(instance, DEFAULT_PROJECT_ID)
    await wake(instance, "other")
    await Rounds(instance, settings).next()
    assert kept.read_bytes() == b"precious"
    path = directory / "projects" / DEFAULT_PROJECT_ID / "database.sqlite3"
    assert (path.read_bytes() if path.exists() else None) == content
    await instance.close()


async def test_the_database_of_another_project_is_refused(settings: Settings, directory: Path) -> None:
    instance = await Instance.open(settings)
    for project_id in ("one", "other"):
        await instance.create_project(project_id, project_id)
        await wake(instance, project_id)
    await instance.close()
    places = {name: directory / "projects" / name / "database.sqlite3" for name in ("one", "other")}
    right = places["one"].read_bytes()
    shutil.copyfile(places["other"], places["one"])
    put = places["one"].read_bytes()
    instance = await Instance.open(settings)
    for _ in range(2):
        with pytest.raises(StoreError, match="is that of the project 'other', not of 'one'"):
            await wake(instance, "one")
    await wake(instance, "other")
    assert places["one"].read_bytes() == put, "it is left as it is"
    await instance.close()
    places["one"].write_bytes(right)
    instance = await Instance.open(settings)
    await wake(instance, "one")
    await instance.close()


async def test_a_project_that_was_not_wholly_made_is_made_to_its_end(
    settings: Settings, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = await Instance.open(settings)

    async def interrupted(*_: object, **__: object) -> None:
        raise OSError("no power")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "wake", interrupted)
        with pytest.raises(OSError, match="no power"):
            await instance.create_project("new", "New")
    await instance.close()
    instance = await Instance.open(settings)
    await Rounds(instance, settings).next()
    await wake(instance, "new")
    await instance.close()
    spoil(directory, "new", None)
    instance = await Instance.open(settings)
    with pytest.raises(StoreError):
        await wake(instance, "new")
    await instance.close()


async def test_a_new_project_does_not_get_the_data_of_an_earlier_one(
    instance: Instance, directory: Path
) -> None:
    path = directory / "projects" / "earlier" / "database.sqlite3"
    path.parent.mkdir()
    path.write_bytes(b"data")
    with pytest.raises(TidewireError, match="earlier project") as caught:
        await instance.create_project("earlier", "Earlier")
    assert caught.value.type == "project_already_exists"
    assert await instance.project("earlier") is None


async def test_who_only_reads_makes_no_data_directory(settings: Settings, directory: Path) -> None:
    with pytest.raises(StoreError, match="there is no data directory"):
        await Instance.open(settings, create=False)
    assert not directory.exists()


async def wake(instance: Instance, project_id: str) -> None:
    store = await instance.project(project_id)
    assert store is not None
    await store.database.wake()


def spoil(directory: Path, project_id: str, content: bytes | None) -> None:
    """Replace a database by something else, or by nothing."""
    path = directory / "projects" / project_id / "database.sqlite3"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
