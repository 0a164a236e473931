from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest

from tests.services.world import GUEST, KEY, World, on_the_wire, payload
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.models import File
from tidewire.services.storage import buckets, content, files, uploads
from tidewire.store.records.deletions import delete_discarded


async def create(
    world: World, caller: Caller, file_id: str, permissions: list[str] | None = None, bucket_id: str = "b1"
) -> File:
    upload = await world.upload(f"content of {file_id}".encode(), f"{file_id}.txt")
    return await uploads.create_file(world.context(caller), bucket_id, file_id, upload, permissions)


async def ids_listed(world: World, caller: Caller, bucket_id: str = "b1") -> list[str]:
    listed = await files.list_files(world.context(caller), bucket_id)
    assert listed.total == len(listed.files)
    return [file.id for file in listed.files]


async def test_update(world: World) -> None:
    await world.bucket("b1", 'read("any")', 'create("users")', file_security=True)
    ada = await world.user("ada")
    created = await create(world, ada, "f1")
    file = await files.update_file(world.context(ada), "b1", "f1", "new name.txt")
    assert (file.name, file.key, file.permissions) == ("new name.txt", "new name.txt", created.permissions)
    event = await world.last_event()
    assert event.names[0] == "buckets.b1.files.f1.update"
    assert event.channels[3:] == ["files.update", "buckets.b1.files.update", "buckets.b1.files.f1.update"]
    assert event.roles == ["any", "user:ada"]
    assert payload(event) == on_the_wire(file)
    file = await files.update_file(world.context(ada), "b1", "f1", permissions=['write("user:ada")'])
    assert file.permissions == ['update("user:ada")', 'delete("user:ada")']
    assert file.name == "new name.txt"
    assert (await world.last_event()).roles == ["any"]


async def test_delete(world: World) -> None:
    await world.bucket("b1", 'create("users")', file_security=True)
    ada = await world.user("ada")
    file = await create(world, ada, "f1")
    assert (await buckets.get_bucket(world.context(), "b1")).total_size == file.size_original
    await files.delete_file(world.context(ada), "b1", "f1")
    event = await world.last_event()
    assert event.names[0] == "buckets.b1.files.f1.delete"
    assert event.channels == [
        "files",
        "buckets.b1.files",
        "buckets.b1.files.f1",
        "files.delete",
        "buckets.b1.files.delete",
        "buckets.b1.files.f1.delete",
    ]
    assert event.roles == ["user:ada"]
    assert payload(event) == on_the_wire(file)
    assert await ids_listed(world, ada) == []
    assert (await buckets.get_bucket(world.context(), "b1")).total_size == 0
    await delete_discarded(world.database, world.objects)
    assert world.stored_objects() == 0
    for attempt in (files.get_file, files.delete_file, content.get_file_download):
        with pytest.raises(TidewireError) as refused:
            await attempt(world.context(KEY), "b1", "f1")
        assert refused.value.type == "storage_file_not_found"


async def test_another_users_private_file_does_not_exist(world: World) -> None:
    """Nothing that bob does tells him anything about ada's file."""
    await world.bucket("b1", 'create("users")', file_security=True)
    ada, bob = await world.user("ada"), await world.user("bob")
    await create(world, ada, "secret")
    await create(world, bob, "own")
    event = (await world.events())[-2]
    assert event.names[0] == "buckets.b1.files.secret.create"
    assert event.roles == ["user:ada"]
    for stranger in (bob, GUEST):
        context = world.context(stranger)
        for attempt in (files.get_file, content.get_file_download, content.get_file_view):
            with pytest.raises(TidewireError) as refused:
                await attempt(context, "b1", "secret")
            with pytest.raises(TidewireError) as missing:
                await attempt(context, "b1", "no.such.file")
            assert refused.value.type == "storage_file_not_found"
            assert refused.value.message == missing.value.message
        for change in (
            files.update_file(context, "b1", "secret", "mine"),
            files.update_file(context, "b1", "secret", permissions=['read("any")']),
            files.delete_file(context, "b1", "secret"),
        ):
            with pytest.raises(TidewireError) as hidden:
                await change
            assert hidden.value.type == "storage_file_not_found"
    assert await ids_listed(world, bob) == ["own"]
    assert await ids_listed(world, GUEST) == []
    assert await ids_listed(world, ada) == ["secret"]
    assert await ids_listed(world, KEY) == ["secret", "own"]
    file = await files.get_file(world.context(ada), "b1", "secret")
    assert (file.name, file.permissions[0]) == ("secret.txt", 'read("user:ada")')


@pytest.mark.parametrize(
    "search",
    [
        json.dumps({"method": "cursorAfter", "values": ["secret"]}),
        '{"method":"equal","attribute":"$id","values":["secret"]}',
    ],
)
async def test_no_query_finds_another_users_file(world: World, search: str) -> None:
    await world.bucket("b1", 'create("users")', file_security=True)
    ada, bob = await world.user("ada"), await world.user("bob")
    await create(world, ada, "secret")
    await create(world, bob, "own")
    if "cursor" in search:
        with pytest.raises(TidewireError) as refused:
            await files.list_files(world.context(bob), "b1", [search])
        assert refused.value.type == "general_cursor_not_found"
    else:
        assert (await files.list_files(world.context(bob), "b1", [search])).total == 0


async def test_without_file_security_only_the_bucket_counts(world: World) -> None:
    await world.bucket("b1", 'create("users")', 'read("user:bob")')
    ada, bob = await world.user("ada"), await world.user("bob")
    created = await create(world, ada, "f1")
    assert created.permissions == [f'{action}("user:ada")' for action in ("read", "update", "delete")]
    assert (await world.last_event()).roles == ["user:bob"]
    assert (await files.get_file(world.context(bob), "b1", "f1")).id == "f1"
    assert await ids_listed(world, bob) == ["f1"]
    with pytest.raises(TidewireError) as unlistable:
        await files.list_files(world.context(ada), "b1")
    assert unlistable.value.type == "user_unauthorized"
    for file_id in ("f1", "none"):
        for attempt in (
            files.get_file(world.context(ada), "b1", file_id),
            content.get_file_download(world.context(ada), "b1", file_id),
            files.update_file(world.context(ada), "b1", file_id, "new"),
            files.delete_file(world.context(ada), "b1", file_id),
        ):
            with pytest.raises(TidewireError) as refused:
                await attempt
            assert refused.value.type == "user_unauthorized"


async def test_the_bucket_may_grant_everything(world: World) -> None:
    await world.bucket("b1", 'create("any")', 'read("any")', 'update("users")', 'delete("guests")')
    ada = await world.user("ada")
    guests = await create(world, GUEST, "f1")
    assert guests.permissions == []
    assert (await files.update_file(world.context(ada), "b1", "f1", "new")).name == "new"
    with pytest.raises(TidewireError):
        await files.delete_file(world.context(ada), "b1", "f1")
    await files.delete_file(world.context(GUEST), "b1", "f1")


async def test_creating_needs_the_bucket(world: World) -> None:
    await world.bucket("b1", 'read("any")', 'update("any")', file_security=True)
    ada = await world.user("ada")
    for caller in (ada, GUEST):
        with pytest.raises(TidewireError) as refused:
            await create(world, caller, "f1", ['read("any")'])
        assert refused.value.type == "user_unauthorized"
    assert world.stored_objects() == 0
    assert (await create(world, KEY, "f1")).permissions == []


@pytest.mark.parametrize(
    "permissions",
    [
        ['read("user:bob")'],
        ['read("any")', 'update("team:t1")'],
        ['delete("users/verified")'],
        ['write("label:admin")'],
        ['read("guests")'],
        ['read("member:m1")'],
    ],
)
async def test_only_held_roles_can_be_granted(world: World, permissions: list[str]) -> None:
    await world.bucket("b1", 'create("any")', file_security=True)
    ada = await world.user("ada")
    with pytest.raises(TidewireError) as refused:
        await create(world, ada, "f1", permissions)
    assert refused.value.type == "user_unauthorized"
    assert world.stored_objects() == 0
    await create(world, ada, "f1")
    with pytest.raises(TidewireError) as unchanged:
        await files.update_file(world.context(ada), "b1", "f1", permissions=permissions)
    assert unchanged.value.type == "user_unauthorized"
    assert (await world.last_event()).names[0] == "buckets.b1.files.f1.create"
    assert (await create(world, KEY, "f2", permissions)).permissions


async def test_held_roles_can_be_granted(world: World) -> None:
    await world.bucket("b1", 'create("any")', file_security=True)
    ada = await world.user("ada")
    granted = ['read("any")', 'update("users")', 'delete("user:ada/unverified")', 'read("users/unverified")']
    assert (await create(world, ada, "f1", granted)).permissions == granted
    assert (await create(world, GUEST, "f2", ['read("guests")'])).permissions == ['read("guests")']
    assert (await create(world, ada, "f3", [])).permissions == []
    assert (await world.last_event()).roles == []


async def test_a_stored_role_that_is_not_held_cannot_be_sent_again(world: World) -> None:
    await world.bucket("b1", file_security=True)
    ada = await world.user("ada")
    stored = ['read("team:t1")', 'update("user:ada")']
    await create(world, KEY, "f1", stored)
    with pytest.raises(TidewireError):
        await files.update_file(world.context(ada), "b1", "f1", permissions=stored)


async def test_reading_is_enough_to_change_nothing(world: World) -> None:
    await world.bucket("b1", 'read("users")')
    ada = await world.user("ada")
    await create(world, KEY, "f1")
    assert (await files.update_file(world.context(ada), "b1", "f1", "f1.txt")).name == "f1.txt"
    with pytest.raises(TidewireError):
        await files.update_file(world.context(ada), "b1", "f1", "other.txt")


async def test_the_event_follows_the_permissions_of_the_moment(world: World) -> None:
    await world.bucket("b1", 'create("users")', file_security=True)
    ada = await world.user("ada")
    await create(world, ada, "f1", ['read("users")', 'update("user:ada")', 'delete("user:ada")'])
    await files.update_file(world.context(ada), "b1", "f1", permissions=['delete("user:ada")'])
    await files.delete_file(world.context(ada), "b1", "f1")
    created, updated, deleted = (await world.events())[-3:]
    assert (created.roles, updated.roles, deleted.roles) == (["users"], [], [])


async def test_missing_files(world: World) -> None:
    await world.bucket("b1", 'read("any")', 'update("any")', 'delete("any")')
    await world.bucket("b2", 'read("any")', 'update("any")', 'delete("any")')
    await create(world, KEY, "f1", bucket_id="b2")
    attempts: list[Callable[[], Awaitable[object]]] = [
        lambda: files.get_file(world.context(), "b1", "f1"),
        lambda: files.update_file(world.context(), "b1", "f1", "x"),
        lambda: files.delete_file(world.context(GUEST), "b1", "f1"),
        lambda: content.get_file_view(world.context(GUEST), "b1", "f1"),
    ]
    for attempt in attempts:
        with pytest.raises(TidewireError) as refused:
            await attempt()
        assert refused.value.type == "storage_file_not_found"
    assert await ids_listed(world, GUEST) == []
