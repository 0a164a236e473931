"""Chunked uploads, with small chunks so that many orders can be tried."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.world import GUEST, KEY, World
from tidewire.core import uploads as core_uploads
from tidewire.core.errors import TidewireError
from tidewire.core.identities import Caller
from tidewire.core.ids import unique_id
from tidewire.core.models import File
from tidewire.core.uploads import ContentRange
from tidewire.services.storage import chunks, content, files, uploads
from tidewire.store.records.deletions import delete_discarded, discard_expired_uploads

SIZE = 64
"""Bytes of a chunk in these tests."""
CONTENT = bytes(range(250))
"""Four chunks."""


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_uploads, "CHUNK_SIZE", SIZE)
    monkeypatch.setattr(chunks, "CHUNK_SIZE", SIZE)


@pytest.fixture
async def ada(world: World) -> Caller:
    await world.bucket("b1", 'create("any")', file_security=True)
    return await world.user("ada")


async def send(world: World, caller: Caller, number: int, file_id: str = "f1", data: bytes = CONTENT) -> File:
    upload = await world.chunk(data, number, SIZE, file_id if number > 1 else None)
    return await uploads.create_file(world.context(caller), "b1", file_id, upload)


async def created(world: World) -> int:
    """How many events of created files there are."""
    return sum(event.pattern.endswith("files.[fileId].create") for event in await world.events())


async def read(world: World, caller: Caller, file_id: str = "f1") -> bytes:
    download = await content.get_file_download(world.context(caller), "b1", file_id)
    return b"".join([piece async for piece in download.open(0, download.size)])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations([1, 2, 3, 4]), repeats=st.lists(st.integers(1, 4), max_size=4), data=st.data())
async def test_any_order_with_repetitions(
    world: World, order: list[int], repeats: list[int], data: st.DataObject
) -> None:
    if not await world.events():
        await world.bucket()
    file_id, events = unique_id(), await created(world)
    sequence = list(order)
    for number in repeats:
        sequence.insert(data.draw(st.integers(sequence.index(number) + 1, len(sequence))), number)
    seen: set[int] = set()
    for number in sequence:
        complete_before = len(seen) == 4
        seen.add(number)
        context = world.context()
        upload = await world.chunk(CONTENT, number, SIZE, file_id)
        file = await uploads.create_file(context, "b1", file_id, upload)
        assert (file.chunks_uploaded, file.chunks_total) == (len(seen), 4)
        assert context.status == (200 if complete_before else None)
        assert await created(world) == events + (len(seen) == 4)
    assert file.signature == hashlib.md5(CONTENT).hexdigest()
    assert await read(world, KEY, file_id) == CONTENT
    await files.delete_file(world.context(), "b1", file_id)
    await delete_discarded(world.database, world.objects)
    assert world.stored_objects() == 0


@pytest.mark.parametrize("attempt", range(5))
async def test_all_at_once_completes_once(world: World, ada: Caller, attempt: int) -> None:
    answers = await asyncio.gather(*(send(world, ada, number) for number in (4, 2, 3, 4, 1, 3, 2)))
    assert await created(world) == 1
    assert any(file.chunks_uploaded == 4 and file.signature for file in answers)
    assert await read(world, ada) == CONTENT
    assert world.stored_objects() == 4


async def test_two_last_chunks_at_once_complete_once(world: World) -> None:
    """Also for guests, whom nobody can tell apart, in a bucket that they may not read."""
    await world.bucket("b1", 'create("guests")')
    for number in (1, 2, 3):
        await send(world, GUEST, number)
    answers = await asyncio.gather(*(send(world, GUEST, 4) for _ in range(6)), return_exceptions=True)
    finished = [answer for answer in answers if isinstance(answer, File)]
    assert finished
    assert all(file.signature == hashlib.md5(CONTENT).hexdigest() for file in finished)
    assert await created(world) == 1
    assert await read(world, KEY) == CONTENT


async def test_what_the_first_bytes_tell_counts_whichever_chunk_comes_first(
    world: World, ada: Caller
) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(250)
    for number in (3, 1, 5, 2, 4):
        upload = await world.chunk(picture, number, SIZE, "f1")
        upload = replace(upload, name="picture")
        file = await uploads.create_file(world.context(ada), "b1", "unique()", upload)
    assert (file.mime_type, file.chunks_uploaded, file.key) == ("image/png", 5, "picture")
    assert await read(world, ada) == picture


async def test_an_unfinished_upload_is_its_uploaders_alone(world: World, ada: Caller) -> None:
    bob = await world.user("bob")
    await send(world, ada, 1)
    await send(world, ada, 3)
    for caller in (ada, KEY):
        file = await files.get_file(world.context(caller), "b1", "f1")
        # Resuming begins after the chunks that are there without a gap.
        assert (file.chunks_uploaded, file.chunks_total, file.signature) == (1, 4, "")
    for caller in (ada, bob, GUEST, KEY):
        assert (await files.list_files(world.context(caller), "b1")).total == 0
        with pytest.raises(TidewireError) as not_there:
            await content.get_file_download(world.context(caller), "b1", "f1")
        assert not_there.value.type == "storage_file_not_found"
    for stranger in (bob, GUEST):
        for attempt in (
            files.get_file(world.context(stranger), "b1", "f1"),
            files.update_file(world.context(stranger), "b1", "f1", "x"),
            files.delete_file(world.context(stranger), "b1", "f1"),
        ):
            with pytest.raises(TidewireError) as refused:
                await attempt
            assert refused.value.type == "storage_file_not_found"
    assert await created(world) == 0


async def test_nobody_continues_anothers_upload(world: World, ada: Caller) -> None:
    bob = await world.user("bob")
    await send(world, ada, 1)
    for stranger in (bob, GUEST, KEY):
        for number in (2, 3, 4):
            with pytest.raises(TidewireError) as refused:
                await send(world, stranger, number)
            assert refused.value.type == "storage_invalid_appwrite_id"
        for first in (await world.chunk(CONTENT, 1, SIZE), await world.upload(b"whole")):
            with pytest.raises(TidewireError) as taken:
                await uploads.create_file(world.context(stranger), "b1", "f1", first)
            assert taken.value.type == "storage_file_already_exists"
    assert world.stored_objects() == 1
    for number in (2, 3, 4):
        await send(world, ada, number)
    assert await read(world, ada) == CONTENT


async def test_a_chunk_tells_strangers_nothing_about_a_complete_file(world: World, ada: Caller) -> None:
    bob = await world.user("bob")
    for number in (1, 2, 3, 4):
        await send(world, ada, number)
    for stranger in (bob, GUEST):
        with pytest.raises(TidewireError) as refused:
            await send(world, stranger, 2)
        assert refused.value.type == "storage_file_already_exists"
    assert world.stored_objects() == 4


@pytest.mark.parametrize(
    ("start", "end", "total", "size"),
    [
        (64, 128, 250, 65),  # one byte too long
        (64, 126, 250, 63),  # one too short
        (63, 126, 250, 64),  # overlap
        (65, 128, 250, 64),  # gap
        (64, 127, 250, 10),  # fewer bytes than announced
        (192, 250, 250, 59),  # ends after the file
        (192, 248, 250, 57),  # last one too short
        (128, 127, 250, 0),  # backwards
        (64, 127, 251, 64),  # other total
        (64, 127, 100, 64),  # beyond its own total
        (-64, -1, 250, 64),
    ],
)
async def test_wrong_ranges_change_nothing(
    world: World, ada: Caller, start: int, end: int, total: int, size: int
) -> None:
    await send(world, ada, 1)
    upload = await world.upload(bytes(size), "big.bin", ContentRange(start, end, total), "f1")
    with pytest.raises(TidewireError) as refused:
        await uploads.create_file(world.context(ada), "b1", "f1", upload)
    assert refused.value.type == "storage_invalid_content_range"
    assert world.stored_objects() == 1
    assert (await files.get_file(world.context(ada), "b1", "f1")).chunks_uploaded == 1


async def test_other_content_in_the_same_place_is_refused(world: World, ada: Caller) -> None:
    await send(world, ada, 1)
    with pytest.raises(TidewireError) as refused:
        await send(world, ada, 1, data=bytes(len(CONTENT)))
    assert refused.value.type == "storage_invalid_content_range"
    assert world.stored_objects() == 1


@pytest.mark.parametrize("upload_id", ["unique()", "../f1", "x" * 37, None])
async def test_wrong_ids(world: World, ada: Caller, upload_id: str | None) -> None:
    await send(world, ada, 1)
    upload = await world.chunk(CONTENT, 2, SIZE, upload_id)
    with pytest.raises(TidewireError) as refused:
        await uploads.create_file(world.context(ada), "b1", "unique()", upload)
    assert refused.value.type == "storage_invalid_appwrite_id"
    assert world.stored_objects() == 1


async def test_rules_hold_for_every_chunk(world: World, ada: Caller) -> None:
    await world.bucket("small", 'create("any")', maximum_file_size=249)
    with pytest.raises(TidewireError) as refused:
        await uploads.create_file(world.context(ada), "small", "f1", await world.chunk(CONTENT, 1, SIZE))
    assert refused.value.type == "storage_invalid_file_size"
    with pytest.raises(TidewireError) as granted:
        await uploads.create_file(
            world.context(ada), "b1", "f1", await world.chunk(CONTENT, 1, SIZE), ['read("team:t1")']
        )
    assert granted.value.type == "user_unauthorized"
    assert world.stored_objects() == 0


async def test_the_first_chunk_decides_permissions_and_name(world: World, ada: Caller) -> None:
    await send(world, ada, 1)
    for number in (2, 3, 4):
        upload = await world.chunk(CONTENT, number, SIZE, "f1")
        file = await uploads.create_file(world.context(ada), "b1", "f1", upload, ['read("any")'], "folder")
    assert file.permissions[0] == 'read("user:ada")'
    assert file.folder == ""


async def test_an_upload_survives_a_restart(world: World, ada: Caller, tmp_path: Path) -> None:
    for number in (1, 2):
        await send(world, ada, number)
    await world.database.close()
    reopened = await World.open(tmp_path)
    assert (await files.get_file(reopened.context(ada), "b1", "f1")).chunks_uploaded == 2
    for number in (3, 4):
        await send(reopened, ada, number)
    assert await read(reopened, ada) == CONTENT
    await reopened.close()


async def test_completion_that_was_cut_off_is_taken_up_again(
    world: World, ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut_off(*_: object) -> str:
        raise RuntimeError("the process died here")

    for number in (1, 2, 3):
        await send(world, ada, number)
    with monkeypatch.context() as patch:
        patch.setattr("tidewire.services.storage.completion._md5", cut_off)
        with pytest.raises(RuntimeError):
            await send(world, ada, 4)
    assert await created(world) == 0
    assert (await files.get_file(world.context(ada), "b1", "f1")).chunks_uploaded == 3
    file = await send(world, ada, 4)
    assert file.signature == hashlib.md5(CONTENT).hexdigest()
    assert await created(world) == 1
    assert world.stored_objects() == 4


async def test_content_that_got_lost_ends_the_upload(world: World, ada: Caller) -> None:
    for number in (1, 2, 3):
        await send(world, ada, number)
    for path in (world.directory / "objects").rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(TidewireError) as refused:
        await send(world, ada, 4)
    assert refused.value.type == "storage_invalid_appwrite_id"
    await delete_discarded(world.database, world.objects)
    assert world.stored_objects() == 0
    for number in (1, 2, 3, 4):
        await send(world, ada, number)
    assert await read(world, ada) == CONTENT


async def test_uploads_can_be_abandoned(world: World, ada: Caller) -> None:
    for number in (1, 2):
        await send(world, ada, number)
    await files.delete_file(world.context(ada), "b1", "f1")
    assert not any(event.pattern.endswith("delete") for event in await world.events())
    await delete_discarded(world.database, world.objects)
    assert world.stored_objects() == 0
    # What was still on its way begins anew.
    assert (await send(world, ada, 3)).chunks_uploaded == 1
    assert (await send(world, ada, 1)).chunks_uploaded == 2


async def test_uploads_expire(world: World, ada: Caller) -> None:
    await send(world, ada, 1)
    await world.database.write(lambda transaction: discard_expired_uploads(transaction, -1000))
    await delete_discarded(world.database, world.objects)
    assert world.stored_objects() == 0
    with pytest.raises(TidewireError) as refused:
        await files.get_file(world.context(ada), "b1", "f1")
    assert refused.value.type == "storage_file_not_found"
