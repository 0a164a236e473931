from __future__ import annotations

import json

import pytest
from sqlalchemy import func, select

from tests.services.world import GUEST, KEY, World, on_the_wire, payload
from tidewire.core.errors import TidewireError
from tidewire.services.storage import buckets, files, uploads
from tidewire.settings import Settings
from tidewire.store.records.deletions import delete_discarded
from tidewire.store.schema import permissions, project_metadata


def query(method: str, attribute: str | None = None, *values: object) -> str:
    return json.dumps({"method": method, "attribute": attribute, "values": list(values)})


async def test_create(world: World) -> None:
    bucket = await buckets.create_bucket(
        world.context(),
        "photos",
        "Photos",
        ['read("any")', 'write("users")', 'read("any")'],
        file_security=True,
        maximum_file_size=1000,
        allowed_file_extensions=["png"],
        compression="zstd",
        encryption=False,
    )
    assert bucket.permissions == ['read("any")', 'create("users")', 'update("users")', 'delete("users")']
    assert (bucket.file_security, bucket.maximum_file_size, bucket.total_size) == (True, 1000, 0)
    assert (bucket.allowed_file_extensions, bucket.compression, bucket.encryption) == (["png"], "zstd", False)
    (event,) = await world.events()
    assert event.names[0] == "buckets.photos.create"
    assert (event.channels, event.roles) == ([], [])
    assert payload(event) == on_the_wire(bucket)
    assert await buckets.get_bucket(world.context(), "photos") == bucket


async def test_defaults(world: World) -> None:
    bucket = await buckets.create_bucket(world.context(), "unique()", "Photos")
    assert len(bucket.id) == 20
    assert bucket.permissions == []
    assert bucket.enabled
    assert bucket.maximum_file_size == 30_000_000


async def test_the_limit_of_the_server_counts(world: World) -> None:
    world.settings = Settings(max_file_bytes=1000)
    assert (await buckets.create_bucket(world.context(), "a", "A")).maximum_file_size == 1000
    with pytest.raises(TidewireError) as refused:
        await buckets.create_bucket(world.context(), "b", "B", maximum_file_size=1001)
    assert refused.value.type == "general_argument_invalid"


async def test_ids_are_unique(world: World) -> None:
    await world.bucket("photos")
    with pytest.raises(TidewireError) as refused:
        await world.bucket("photos")
    assert refused.value.type == "storage_bucket_already_exists"
    assert len(await world.events()) == 1


async def test_update_replaces_settings_but_keeps_permissions_not_given(world: World) -> None:
    await world.bucket("photos", 'read("any")', file_security=True, enabled=False)
    bucket = await buckets.update_bucket(world.context(), "photos", "New")
    assert (bucket.name, bucket.permissions) == ("New", ['read("any")'])
    assert (bucket.file_security, bucket.enabled) == (False, True)
    event = await world.last_event()
    assert event.names[0] == "buckets.photos.update"
    assert event.channels == []
    assert payload(event) == on_the_wire(bucket)
    bucket = await buckets.update_bucket(world.context(), "photos", "New", [])
    assert bucket.permissions == []
    rows = select(func.count()).select_from(permissions)
    assert await world.database.read(lambda connection: connection.scalar(rows)) == 0


async def test_missing_buckets(world: World) -> None:
    for attempt in (
        buckets.get_bucket(world.context(), "none"),
        buckets.update_bucket(world.context(), "none", "Name"),
        buckets.delete_bucket(world.context(), "none"),
        files.list_files(world.context(), "none"),
    ):
        with pytest.raises(TidewireError) as refused:
            await attempt
        assert refused.value.type == "storage_bucket_not_found"
    assert await world.events() == []


async def test_list(world: World) -> None:
    for name in "abcd":
        await world.bucket(name, enabled=name != "b")
    listed = await buckets.list_buckets(world.context())
    assert (listed.total, [bucket.id for bucket in listed.buckets]) == (4, list("abcd"))
    page = await buckets.list_buckets(
        world.context(), [query("orderDesc", "$id"), query("equal", "enabled", True), query("limit", None, 2)]
    )
    assert (page.total, [bucket.id for bucket in page.buckets]) == (3, ["d", "c"])
    assert (await buckets.list_buckets(world.context(), total=False)).total == 0


async def test_a_disabled_bucket_exists_for_keys_only(world: World) -> None:
    await world.bucket("b1", 'read("any")', 'create("any")', enabled=False)
    assert (await files.list_files(world.context(KEY), "b1")).total == 0
    ada = await world.user("ada")
    for caller in (GUEST, ada):
        with pytest.raises(TidewireError) as refused:
            await files.list_files(world.context(caller), "b1")
        assert refused.value.type == "storage_bucket_not_found"


async def test_delete_leaves_nothing_and_publishes_once(world: World) -> None:
    await world.bucket("kept", 'read("any")')
    kept = await world.upload(b"kept")
    await uploads.create_file(world.context(), "kept", "f", kept, ['read("any")'])
    await world.bucket("b1", 'read("any")')
    for number in range(3):
        upload = await world.upload(b"content")
        await uploads.create_file(world.context(), "b1", f"f{number}", upload, ['read("any")'])
    chunk = await world.chunk(bytes(11_000_000), 1)
    await uploads.create_file(world.context(), "b1", "big", chunk)
    before = len(await world.events())

    await buckets.delete_bucket(world.context(), "b1")
    (event,) = (await world.events())[before:]
    assert event.names[0] == "buckets.b1.delete"
    assert (event.channels, event.roles) == ([], [])
    assert payload(event)["totalSize"] == 21
    await delete_discarded(world.database, world.objects)
    assert world.stored_objects() == 1

    counts = await world.database.read(
        lambda connection: {
            table.name: connection.scalar(select(func.count()).select_from(table))
            for table in project_metadata.sorted_tables
        }
    )
    assert counts["files"] == counts["file_parts"] == 1
    assert counts["uploads"] == counts["upload_parts"] == 0
    assert counts["permissions"] == 2
    await world.bucket("b1", 'read("any")')
    assert (await files.list_files(world.context(GUEST), "b1")).total == 0
