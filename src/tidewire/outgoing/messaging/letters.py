"""Messages made ready to be carried: with the files that are attached, and who is told too."""

from __future__ import annotations

from typing import Any, Final

from tidewire.outgoing.messaging.couriers import Attachment, Letter
from tidewire.services.storage.content import read_parts
from tidewire.settings import Settings
from tidewire.store.engine.connection import Connection, Row
from tidewire.store.instance.instance import ProjectStore
from tidewire.store.records.stored_files import Part, bucket_by_id, find_file, parts_of_file
from tidewire.store.records.targets import addresses_of

GONE: Final = "A file that is attached is there no more."


async def letter_of(store: ProjectStore, settings: Settings, message: Row[Any]) -> Letter:
    """The message with its files in memory. Raises ValueError, OSError or what the storage does."""
    data = message.data

    def unit(connection: Connection) -> tuple[list[tuple[Row[Any], list[Part]]], list[str]]:
        files = [_file(connection, place) for place in data.get("attachments") or ()]
        return files, addresses_of(connection, data.get("cc") or ())

    files, copied = await store.database.read(unit)
    if sum(file.size for file, _ in files) > settings.messaging_attachments_max_bytes:
        raise ValueError("The files that are attached are too large.")
    attachments = []
    for file, parts in files:
        content = bytearray()
        async for piece in read_parts(store.objects, parts, 0, file.size):
            content += piece
        attachments.append(Attachment(file.name, file.mime_type, bytes(content)))
    image = (data.get("image") or {}).get("url", "")
    return Letter(store.project.id, message.id, message.created_at, data, attachments, copied, image)


def _file(connection: Connection, place: dict[str, str]) -> tuple[Row[Any], list[Part]]:
    bucket = bucket_by_id(connection, place["bucketId"])
    file = None if bucket is None else find_file(connection, bucket, place["fileId"])
    if file is None:
        raise ValueError(GONE)
    return file, parts_of_file(connection, file)
