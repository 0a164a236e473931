from __future__ import annotations

import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.world import GUEST, World
from tidewire.services.storage import content, uploads
from tidewire.services.storage.content import read_parts
from tidewire.store.records.stored_files import Part


async def test_download_and_view(world: World) -> None:
    await world.bucket("b1", 'read("any")')
    upload = await world.upload(b"hello world", "greeting.txt")
    await uploads.create_file(world.context(), "b1", "f1", upload)
    download = await content.get_file_download(world.context(GUEST), "b1", "f1", "some token")
    assert (download.name, download.mime_type, download.size) == ("greeting.txt", "text/plain", 11)
    assert download.etag == hashlib.md5(b"hello world").hexdigest()
    assert not download.inline
    assert b"".join([piece async for piece in download.open(0, 11)]) == b"hello world"
    assert b"".join([piece async for piece in download.open(6, 9)]) == b"wor"
    assert b"".join([piece async for piece in download.open(5, 5)]) == b""
    assert (await content.get_file_view(world.context(GUEST), "b1", "f1")).inline


async def test_an_empty_file(world: World) -> None:
    await world.bucket("b1", 'read("any")')
    file = await uploads.create_file(world.context(), "b1", "f1", await world.upload(b""))
    assert (file.size_original, file.chunks_total, file.chunks_uploaded) == (0, 1, 1)
    download = await content.get_file_download(world.context(GUEST), "b1", "f1")
    assert [piece async for piece in download.open(0, 0)] == []


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_range_over_several_parts(world: World, data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.binary(max_size=20), max_size=5))
    whole = b"".join(pieces)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    parts = []
    for piece in pieces:
        upload = await world.upload(piece)
        parts.append(Part(upload.key, upload.size))
    needed = _needed(parts, start, end)
    await world.objects.delete(part.key for part in parts if part not in needed)
    read = b"".join([piece async for piece in read_parts(world.objects, parts, start, end)])
    assert read == whole[start:end]


def _needed(parts: list[Part], start: int, end: int) -> list[Part]:
    needed, offset = [], 0
    for part in parts:
        if offset < end and start < offset + part.size:
            needed.append(part)
        offset += part.size
    return needed


@pytest.mark.parametrize("name", ["../../etc/passwd", "näme 🔑.txt"])
async def test_names_are_kept_as_received(world: World, name: str) -> None:
    await world.bucket("b1")
    file = await uploads.create_file(
        world.context(), "b1", "f1", await world.upload(b"x", name), folder="a/b/"
    )
    assert (file.name, file.folder, file.key) == (name, "a/b/", f"a/b/{name}")
