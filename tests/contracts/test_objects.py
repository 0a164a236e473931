"""What every kind of object store promises: whole objects or none, streams, sweeps."""

from __future__ import annotations

import hashlib
import os

import obstore
import pytest

from tests.store.test_objects import content, no_references, store
from tidewire.core.time import now
from tidewire.core.uploads import Compression, Storing
from tidewire.store.objects.coding import BLOCK_BYTES
from tidewire.store.objects.storage import READ_BYTES, ObjectMissingError, ObjectStorage
from tidewire.store.objects.stores import TRASH, ObjectStore, day_of
from tidewire.store.objects.writing import HEAD_BYTES, StoredObject


async def keys(object_store: ObjectStore) -> list[str]:
    """Of what can be read, but for what lies in the trash."""
    listed = await obstore.list(object_store.store).collect_async()
    return sorted(each["path"] for each in listed if not each["path"].startswith(TRASH))


async def hold(objects: ObjectStorage, content: bytes, storing: Storing) -> StoredObject:
    writer = objects.writer(storing)
    for start in range(0, len(content), 90_000):
        await writer.write(content[start : start + 90_000])
    return await writer.finish()


@pytest.mark.parametrize(
    "sizes", [[], [0], [1], [10, 20], [HEAD_BYTES + 5], [200_000] * 5, [700_000, 1, 300_000]]
)
async def test_what_is_written_is_read(
    objects: ObjectStorage, object_store: ObjectStore, sizes: list[int]
) -> None:
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
    assert await keys(object_store) == [stored.key]
    assert stored.key.split("/")[0] == "shop"


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
async def test_what_is_compressed_or_encrypted_is_read_in_any_range(
    objects: ObjectStorage, object_store: ObjectStore, compression: Compression, encrypted: bool
) -> None:
    whole = os.urandom(300_000) + b"line of text\n" * 40_000
    for given in (whole, b"", b"x"):
        held = await hold(objects, given, Storing(compression, encrypted))
        size = len(given)
        assert (held.size, held.compression, bool(held.sealed_key)) == (size, compression, encrypted)
        listed = await obstore.head_async(object_store.store, held.key)
        assert listed["size"] == held.stored_size
        for start, end in ((0, size), (size // 2, size), (1, 2), (size // 3, size // 2), (size, size)):
            pieces = [piece async for piece in objects.read_content(held, start, min(end, size))]
            assert b"".join(pieces) == given[start:end]
            if compression != "none" or encrypted:
                assert all(len(piece) <= READ_BYTES for piece in pieces)
        assert await objects.read_whole(held) == given


async def test_a_range_is_read_from_its_blocks_alone(
    objects: ObjectStorage, object_store: ObjectStore
) -> None:
    whole = os.urandom(5 * BLOCK_BYTES)
    held = await hold(objects, whole, Storing("none", encrypted=True))
    stored = bytes(await (await obstore.get_async(object_store.store, held.key)).bytes_async())
    await obstore.put_async(object_store.store, held.key, bytes(2 * BLOCK_BYTES) + stored[2 * BLOCK_BYTES :])
    start, end = 3 * BLOCK_BYTES + 5, 4 * BLOCK_BYTES + 9
    assert b"".join([piece async for piece in objects.read_content(held, start, end)]) == whole[start:end]
    with pytest.raises(ObjectMissingError, match="changed"):
        await objects.read_whole(held)


async def test_an_object_in_the_place_of_another_is_not_read(
    objects: ObjectStorage, object_store: ObjectStore
) -> None:
    storing = Storing("zstd", encrypted=True)
    first, second = [await hold(objects, os.urandom(200_000), storing) for _ in range(2)]
    await obstore.copy_async(object_store.store, first.key, second.key)
    with pytest.raises(ObjectMissingError, match="changed"):
        await objects.read_whole(second)
    await obstore.put_async(object_store.store, first.key, b"short")
    with pytest.raises(ObjectMissingError, match="short"):
        await objects.read_whole(first)
    await objects.delete([first.key])
    with pytest.raises(ObjectMissingError, match="missing"):
        await objects.read_whole(first)


async def test_an_unfinished_object_that_is_encrypted_leaves_nothing(
    objects: ObjectStorage, object_store: ObjectStore
) -> None:
    writer = objects.writer(Storing("gzip", encrypted=True))
    await writer.write(os.urandom(1_000_000))
    await writer.abort()
    assert await keys(object_store) == []


async def test_what_is_missing_or_too_short_is_said(objects: ObjectStorage) -> None:
    stored = await store(objects, b"short")
    with pytest.raises(ObjectMissingError):
        await content(objects, stored.key, 0, 10)
    with pytest.raises(ObjectMissingError):
        await content(objects, stored.key, 20, 30)
    with pytest.raises(ObjectMissingError):
        await content(objects, "shop/20260101/missing", 0, 1)
    assert await content(objects, "shop/20260101/missing", 1, 1) == b""


async def test_an_object_is_not_there_before_it_is_finished(
    objects: ObjectStorage, object_store: ObjectStore
) -> None:
    writer = objects.writer()
    await writer.write(b"x" * 1_000_000)
    with pytest.raises(ObjectMissingError):
        await content(objects, writer.key, 0, 1)
    await writer.abort()
    assert await keys(object_store) == []


async def test_aborting_leaves_nothing(objects: ObjectStorage, object_store: ObjectStore) -> None:
    for size in (0, 100, 1_000_000):
        writer = objects.writer()
        await writer.write(b"x" * size)
        await writer.abort()
    writer = objects.writer()
    await writer.abort()
    assert await keys(object_store) == []


async def test_aborting_removes_what_is_finished_too(
    objects: ObjectStorage, object_store: ObjectStore
) -> None:
    writer = objects.writer()
    await writer.write(b"not needed")
    await writer.finish()
    await writer.abort()
    await writer.abort()
    assert await keys(object_store) == []


async def test_deleting_what_is_not_there_is_no_error(
    objects: ObjectStorage, object_store: ObjectStore
) -> None:
    stored = [await store(objects, b"x") for _ in range(3)]
    await objects.delete(["shop/20200101/missing", *(each.key for each in stored[:2]), stored[0].key])
    assert await keys(object_store) == [stored[2].key]


async def test_a_sweep_puts_into_the_trash_what_nothing_refers_to(
    objects: ObjectStorage, object_store: ObjectStore
) -> None:
    kept, orphan = [await store(objects, b"x") for _ in range(2)]

    async def referenced(keys: list[str]) -> set[str]:
        return {kept.key} & set(keys)

    await objects.sweep(referenced, grace_ms=60_000)
    assert await keys(object_store) == sorted([kept.key, orphan.key])
    await objects.sweep(referenced, grace_ms=-2_000)
    assert await keys(object_store) == [kept.key]
    assert await content(objects, f"{TRASH}/{day_of(now())}/{orphan.key}", 0, 1) == b"x"
    await object_store.empty_trash("99991231")
    with pytest.raises(ObjectMissingError):
        await content(objects, f"{TRASH}/{day_of(now())}/{orphan.key}", 0, 1)
    assert await keys(object_store) == [kept.key]


async def test_projects_do_not_share_objects(object_store: ObjectStore) -> None:
    first, second = (ObjectStorage(object_store, name, durable=False) for name in ("a", "ab"))
    for each in (first, second, first):
        await store(each, b"x")
    await first.sweep(no_references, grace_ms=-2_000)
    assert [key.split("/")[0] for key in await keys(object_store)] == ["ab"]
    await store(first, b"x")
    await first.delete_all()
    assert [key.split("/")[0] for key in await keys(object_store)] == ["ab"]
