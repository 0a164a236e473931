from __future__ import annotations

import hashlib

import pytest

from tests.services.world import GUEST, KEY, World, on_the_wire, payload
from tidewire.core.errors import TidewireError
from tidewire.core.uploads import CHUNK_SIZE, ContentRange
from tidewire.services.storage import buckets, files, uploads
from tidewire.settings import Settings


async def test_a_file_in_one_request(world: World) -> None:
    await world.bucket("b1", 'create("users")', 'read("team:t1")', file_security=True)
    ada = await world.user("ada")
    context = world.context(ada)
    file = await uploads.create_file(
        context, "b1", "f1", await world.upload(b"hello", "hello.txt"), folder="letters/2026/"
    )
    assert context.status is None
    assert (file.id, file.bucket_id, file.name) == ("f1", "b1", "hello.txt")
    assert (file.folder, file.key) == ("letters/2026/", "letters/2026/hello.txt")
    assert file.signature == hashlib.md5(b"hello").hexdigest()
    assert (file.mime_type, file.size_original, file.size_actual) == ("text/plain", 5, 5)
    assert (file.chunks_total, file.chunks_uploaded) == (1, 1)
    assert (file.compression, file.encryption) == ("none", False)
    assert file.permissions == ['read("user:ada")', 'update("user:ada")', 'delete("user:ada")']
    event = await world.last_event()
    assert event.names[0] == "buckets.b1.files.f1.create"
    assert "buckets.*.files.*.create" in event.names
    assert event.channels == [
        "files",
        "buckets.b1.files",
        "buckets.b1.files.f1",
        "files.create",
        "buckets.b1.files.create",
        "buckets.b1.files.f1.create",
    ]
    assert event.roles == ["team:t1", "user:ada"]
    assert payload(event) == on_the_wire(file)
    assert (await buckets.get_bucket(world.context(), "b1")).total_size == 5


async def test_the_server_chooses_an_id(world: World) -> None:
    await world.bucket()
    file = await uploads.create_file(world.context(), "b1", "unique()", await world.upload(b"x"))
    assert len(file.id) == 20
    # Python's SDK repeats the id parameter as X-Appwrite-ID.
    upload = await world.upload(b"x", upload_id="unique()")
    assert len((await uploads.create_file(world.context(), "b1", "unique()", upload)).id) == 20


async def test_the_header_wins_over_the_field(world: World) -> None:
    await world.bucket()
    upload = await world.upload(b"x", upload_id="header")
    assert (await uploads.create_file(world.context(), "b1", "field", upload)).id == "header"


async def test_an_id_is_taken_once(world: World) -> None:
    await world.bucket("b1", 'create("any")')
    await world.bucket("b2", 'create("any")')
    await uploads.create_file(world.context(), "b1", "f1", await world.upload(b"first"))
    for caller in (KEY, GUEST):
        with pytest.raises(TidewireError) as refused:
            await uploads.create_file(world.context(caller), "b1", "f1", await world.upload(b"other"))
        assert refused.value.type == "storage_file_already_exists"
    assert world.stored_objects() == 1
    await uploads.create_file(world.context(), "b2", "f1", await world.upload(b"other bucket"))


async def test_rules_of_the_bucket(world: World) -> None:
    await world.bucket("b1", maximum_file_size=10, allowed_file_extensions=["PNG", "txt"])
    assert (
        await uploads.create_file(world.context(), "b1", "f1", await world.upload(b"x" * 10, "a.TXT"))
    ).size_original == 10
    await uploads.create_file(world.context(), "b1", "f2", await world.upload(b"x", "archive.tar.png"))
    for content, name, error in [
        (b"x" * 11, "a.txt", "storage_invalid_file_size"),
        (b"x", "a.exe", "storage_file_type_unsupported"),
        (b"x" * 11, "a.exe", "storage_file_type_unsupported"),
        (b"x", "png", "storage_file_type_unsupported"),
        (b"x", "a.png.exe", "storage_file_type_unsupported"),
        (b"x", "a.png ", "storage_file_type_unsupported"),
        (b"x", "a.", "storage_file_type_unsupported"),
    ]:
        with pytest.raises(TidewireError) as refused:
            await uploads.create_file(world.context(), "b1", "unique()", await world.upload(content, name))
        assert refused.value.type == error
    assert world.stored_objects() == 2


async def test_the_limit_of_the_server_counts(world: World) -> None:
    await world.bucket("b1", maximum_file_size=1000)
    world.settings = Settings(max_file_bytes=10)
    with pytest.raises(TidewireError) as refused:
        await uploads.create_file(world.context(), "b1", "f1", await world.upload(b"x" * 11))
    assert refused.value.type == "storage_invalid_file_size"


async def test_no_bucket_no_object(world: World) -> None:
    await world.bucket("off", 'create("any")', enabled=False)
    for bucket_id in ("none", "off"):
        with pytest.raises(TidewireError) as refused:
            await uploads.create_file(world.context(GUEST), bucket_id, "f1", await world.upload(b"x"))
        assert refused.value.type == "storage_bucket_not_found"
    assert world.stored_objects() == 0


async def test_chunks_as_sdks_send_them(world: World) -> None:
    await world.bucket("b1", 'create("users")', file_security=True)
    ada = await world.user("ada")
    content = b"".join(bytes([number]) * CHUNK_SIZE for number in (1, 2)) + b"the end"
    before = len(await world.events())
    answers = []
    for number in (1, 2, 3):
        upload = await world.chunk(content, number, upload_id="f1" if number > 1 else None)
        answers.append(await uploads.create_file(world.context(ada), "b1", "f1", upload))
    assert [(each.chunks_uploaded, each.chunks_total) for each in answers] == [(1, 3), (2, 3), (3, 3)]
    assert [each.signature for each in answers] == ["", "", hashlib.md5(content).hexdigest()]
    assert {each.size_original for each in answers} == {len(content)}
    assert {each.created_at for each in answers} == {answers[0].created_at}
    (event,) = (await world.events())[before:]
    assert event.names[0] == "buckets.b1.files.f1.create"
    assert event.roles == ["user:ada"]
    assert payload(event) == on_the_wire(answers[2])
    assert await files.get_file(world.context(ada), "b1", "f1") == answers[2]


async def test_a_chunk_that_is_the_whole_file(world: World) -> None:
    await world.bucket()
    upload = await world.upload(b"hello", content_range=ContentRange(0, 4, 5))
    file = await uploads.create_file(world.context(), "b1", "f1", upload)
    assert (file.chunks_total, file.chunks_uploaded, file.signature) == (1, 1, upload.md5)
    context = world.context()
    again = await world.upload(b"hello", content_range=ContentRange(0, 4, 5))
    assert await uploads.create_file(context, "b1", "f1", again) == file
    assert context.status == 200
    assert world.stored_objects() == 1
