"""Projects: their settings, their keys and platforms, and their end."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.store.samples import add_user
from tests.support.platforms import register_platform
from tidewire.core.errors import TidewireError
from tidewire.core.origins import Platform
from tidewire.core.project_settings import MockNumber, ProjectSettings, SmtpSettings
from tidewire.core.time import now
from tidewire.settings import Settings
from tidewire.store.caches.key_ring import KeyRing
from tidewire.store.engine.database import NEVER, Database
from tidewire.store.engine.state import read_state
from tidewire.store.instance.instance import DEFAULT_PROJECT_ID, Instance, Project
from tidewire.store.machine.background import Background
from tidewire.store.records import dev_keys, registered_platforms
from tidewire.store.records.api_keys import (
    ACCESS_PRECISION,
    MAX_SDKS,
    KeyOwner,
    delete_api_key,
    find_key,
    insert_api_key,
    update_api_key,
)
from tidewire.store.records.identities import user_identity

CHANGED = ProjectSettings(
    user_limit=5,
    session_duration=3600,
    password_history=3,
    mock_numbers=(MockNumber(number="+15550100", otp="123456", created_at=1, updated_at=2),),
    disabled_services=frozenset({"teams", "users"}),
    disabled_protocols=frozenset({"websocket"}),
    smtp=SmtpSettings(enabled=True, host="mail.example.com", port=587, password="sealed"),
)


async def project_of(instance: Instance, project_id: str = DEFAULT_PROJECT_ID) -> Project:
    store = await instance.project(project_id)
    assert store is not None
    return store.project


@contextmanager
def refused(error: str) -> Iterator[None]:
    """The block must raise this error."""
    with pytest.raises(TidewireError) as caught:
        yield
    assert caught.value.type == error


async def test_what_is_changed_stays_changed(settings: Settings) -> None:
    instance = await Instance.open(settings)
    created = await instance.create_project("shop", "Shop", "founders", "default")
    assert (created.team_id, created.region, created.settings) == ("founders", "default", ProjectSettings())
    changed = await instance.update_project(
        "shop",
        lambda project: replace(
            project, name="Ärla", team_id="others", settings=CHANGED, labels=("a", "b"), ping_count=2
        ),
    )
    assert changed.settings == CHANGED
    assert changed.updated_at >= created.updated_at
    assert await project_of(instance, "shop") == changed
    await instance.close()
    again = await Instance.open(settings)
    assert await project_of(again, "shop") == changed
    assert [project.id for project in await again.list_projects()] == [DEFAULT_PROJECT_ID, "shop"]
    await again.close()


async def test_a_change_that_is_refused_changes_nothing(instance: Instance) -> None:
    before = await project_of(instance)

    def refuse(_: Project) -> Project:
        raise TidewireError("general_bad_request", "No.")

    with refused("general_bad_request"):
        await instance.update_project(DEFAULT_PROJECT_ID, refuse)
    with refused("project_not_found"):
        await instance.update_project("missing", lambda project: project)
    assert await project_of(instance) == before


async def test_sessions_last_as_long_as_the_server_says_until_the_project_does(settings: Settings) -> None:
    instance = await Instance.open(msgspec.structs.replace(settings, session_duration=100))
    assert (await project_of(instance)).settings.session_duration == 100
    await instance.update_project(DEFAULT_PROJECT_ID, lambda project: replace(project, name="Renamed"))
    assert (await project_of(instance)).settings.session_duration == 100
    year = ProjectSettings().session_duration
    await instance.update_project(
        DEFAULT_PROJECT_ID,
        lambda project: replace(
            project, settings=msgspec.structs.replace(project.settings, session_duration=year)
        ),
    )
    assert (await project_of(instance)).settings.session_duration == year
    console = await project_of(instance, "console")
    assert console.settings.session_duration == 100
    await instance.close()


async def test_settings_of_other_programs_are_read(instance: Instance) -> None:
    """Those that a newer program wrote, or that an older one did not know."""
    await instance.database.write(
        lambda transaction: (
            transaction.connection.exec_driver_sql(
                'UPDATE projects SET settings = \'{"user_limit": 7, "from_the_future": {}}\''
            )
            and None
        )
    )
    assert (await project_of(instance)).settings == ProjectSettings(user_limit=7)


async def test_a_deleted_project_leaves_nothing(instance: Instance, directory: Path) -> None:
    await instance.create_project("shop", "Shop")
    store = await instance.project("shop")
    assert store is not None
    await store.database.write(lambda transaction: add_user(transaction.connection, "u1"))
    writer = store.objects.writer()
    await writer.write(b"content")
    await writer.finish()
    _, secret = await instance.create_key("shop", "Key", ["users.read"], 0)
    await register_platform(instance, "shop", "Site", Platform("web", hostname="shop.example"))
    noticed: list[str] = []
    instance.listen_deletions(noticed.append)
    await instance.delete_project("shop")
    assert noticed == ["shop"]
    assert await instance.project("shop") is None
    assert await instance.keys.find(secret) is None
    assert not (directory / "projects" / "shop").exists()
    assert not (directory / "objects" / "shop").exists()
    assert instance.open_databases() == [instance.database]
    with refused("project_not_found"):
        await instance.delete_project("shop")
    await instance.create_project("shop", "Another")
    again = await instance.project("shop")
    assert again is not None
    assert await again.database.read(lambda connection: user_identity(connection, "u1")) is None
    assert again.project.platforms == ()


async def test_a_deletion_that_was_cut_short_is_finished(
    settings: Settings, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = await Instance.open(settings)
    await instance.create_project("shop", "Shop")

    def fail(_: object) -> None:
        raise OSError("the disk is busy")

    monkeypatch.setattr(shutil, "rmtree", fail)
    await instance.delete_project("shop")
    assert (directory / "projects" / "shop").exists()
    with pytest.raises(OSError, match="busy"):
        await instance.create_project("shop", "Another")
    monkeypatch.undo()
    await instance.close()
    again = await Instance.open(settings)
    assert await again.project("shop") is None
    await again.lifecycle.finish_deletions()
    assert not (directory / "projects" / "shop").exists()
    assert await again.database.read(lambda c: read_state(c, "platform.deletion.shop")) is None
    await again.lifecycle.finish_deletions()
    await again.close()


async def test_another_process_deletes_and_recreates_a_project(instance: Instance) -> None:
    other = await Instance.open(instance.settings)
    await instance.create_project("shop", "Shop")
    mine, theirs = await instance.project("shop"), await other.project("shop")
    assert mine is not None
    assert theirs is not None
    await mine.database.write(lambda transaction: add_user(transaction.connection, "u1"))
    noticed: list[str] = []
    other.listen_deletions(noticed.append)
    await instance.delete_project("shop")
    await other.notice_deletions()
    assert noticed == ["shop"]
    assert await other.project("shop") is None
    await asyncio.sleep(0.002)
    await instance.create_project("shop", "Another")
    recreated = await other.project("shop")
    assert recreated is not None
    assert recreated.project.name == "Another"
    assert await recreated.identities.by_id("u1") is None
    await other.close()


async def test_keys_belong_to_one_owner(instance: Instance) -> None:
    owners = [KeyOwner(project_id=DEFAULT_PROJECT_ID), KeyOwner(team_id="t1"), KeyOwner(user_id="t1")]
    made = {}
    for owner in owners:
        key, secret = await instance.database.write(
            lambda transaction, owner=owner: insert_api_key(  # type: ignore[misc]
                transaction.connection, owner, "Key", ["b", "a", "b"], 0, "same"
            )
        )
        assert (key.type, key.owner, key.listed_scopes) == (owner.type, owner, ("b", "a", "b"))
        assert secret.startswith(f"{owner.type}_")
        assert await instance.keys.find(secret) == key
        made[owner] = key
    assert await instance.keys.of_project("", secret) is None
    first, second, third = owners

    def unit(transaction: Any) -> None:
        connection = transaction.connection
        with refused("key_already_exists"):
            insert_api_key(connection, first, "Key", [], 0, "same")
        assert update_api_key(connection, second, "same", "New", ["c"], 5).scopes == {"c"}
        assert find_key(connection, first, "same") == made[first]
        assert delete_api_key(connection, third, "same").owner == third
        with refused("key_not_found"):
            find_key(connection, third, "same")
        with refused("key_not_found"):
            update_api_key(connection, third, "same", "", [], 0)
        with refused("key_not_found"):
            delete_api_key(connection, third, "same")

    await instance.database.write(unit)


async def test_the_use_of_keys_is_noted_rarely(instance: Instance) -> None:
    background = Background()
    ring = KeyRing(instance.database, background)
    _, secret = await instance.create_key(DEFAULT_PROJECT_ID, "Key", ["users.read"], 0)

    async def used(sdk: str) -> int:
        key = await ring.find(secret)
        assert key is not None
        found = await instance.database.find(lambda _: None, NEVER)
        for _ in range(3):
            ring.note_access(key, sdk)
        await background.finish()
        return int(await instance.database.find(lambda _: None, found) is not found)

    assert await used("") == 1
    assert await used("") == 0
    for number in range(MAX_SDKS):
        assert await used(f"sdk{number}") == 1
    assert await used("sdk0") == 0
    assert await used("one more") == 0
    key = await ring.find(secret)
    assert key is not None
    assert len(key.sdks) == MAX_SDKS
    assert now() - key.accessed_at < ACCESS_PRECISION


async def test_dev_keys_can_be_looked_up_again(instance: Instance) -> None:
    secret = await instance.create_dev_key(DEFAULT_PROJECT_ID, "Key", now() + 60_000)
    found = await instance.keys.dev_key(DEFAULT_PROJECT_ID, secret)
    assert found is not None
    assert instance.encryption.open(found.sealed_secret) == secret
    assert await instance.keys.dev_key("other", secret) is None
    for wrong in ("", "ü", "x" * 5000, secret[:-1]):
        assert await instance.keys.dev_key(DEFAULT_PROJECT_ID, wrong) is None

    background = Background()
    KeyRing(instance.database, background).note_access(found, "web")
    await background.finish()

    def expire(transaction: Any) -> None:
        connection = transaction.connection
        dev_keys.update_dev_key(connection, DEFAULT_PROJECT_ID, found.id, "Renamed", now() - 1)
        assert dev_keys.find_dev_key(connection, DEFAULT_PROJECT_ID, found.id).sdks == ("web",)

    await instance.database.write(expire)
    assert await instance.keys.dev_key(DEFAULT_PROJECT_ID, secret) is None

    def forget(transaction: Any) -> None:
        dev_keys.delete_dev_key(transaction.connection, DEFAULT_PROJECT_ID, found.id)
        with refused("key_not_found"):
            dev_keys.delete_dev_key(transaction.connection, DEFAULT_PROJECT_ID, found.id)

    await instance.database.write(forget)


async def test_platforms_have_ids_within_their_project(instance: Instance) -> None:
    await instance.create_project("shop", "Shop")
    for project_id in (DEFAULT_PROJECT_ID, "shop"):
        await register_platform(
            instance, project_id, "Site", Platform("web", hostname=f"{project_id}.test"), "web"
        )
    with refused("platform_already_exists"):
        await register_platform(instance, "shop", "Site", Platform("web"), "web")

    def unit(transaction: Any) -> None:
        connection = transaction.connection
        app = Platform("android", key="org.example")
        changed = registered_platforms.update_platform(connection, "shop", "web", "App", app)
        assert (changed.name, changed.platform) == ("App", app)
        assert registered_platforms.delete_platform(connection, "shop", "web").platform == app
        with refused("platform_not_found"):
            registered_platforms.find_platform(connection, "shop", "web")
        with refused("platform_not_found"):
            registered_platforms.update_platform(connection, "shop", "web", "App", app)
        with refused("platform_not_found"):
            registered_platforms.delete_platform(connection, "shop", "web")

    await instance.database.write(unit)
    assert (await project_of(instance)).platforms == (Platform("web", hostname="default.test"),)
    assert (await project_of(instance, "shop")).platforms == ()


async def test_a_database_is_closed_whose_files_another_process_has_deleted(tmp_path: Path) -> None:
    for folder in (tmp_path / "first", tmp_path / "second"):
        folder.mkdir()
        database = await Database.open(folder / "database.sqlite3", "gone")
        await database.write(lambda _: None)
        shutil.rmtree(folder)
        await database.close()
        assert not folder.exists()
