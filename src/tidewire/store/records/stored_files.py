"""Buckets, files and uploads that are not complete. Objects of removed ones are deleted after the commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, ColumnElement, Row, Table, bindparam, delete, insert, select, union_all, update

from tidewire.core.uploads import Compression
from tidewire.store.engine.connection import Connection
from tidewire.store.lists.resource_lists import list_rows, resource_list
from tidewire.store.records.deletions import discard_objects
from tidewire.store.records.grants import delete_grants, readable_among, write_grants
from tidewire.store.records.rows import delete_row, find_row, insert_row, update_row
from tidewire.store.schema import buckets, file_parts, files, upload_parts, uploads

BUCKETS: Final = resource_list(
    buckets,
    "enabled",
    "name",
    "fileSecurity",
    "maximumFileSize",
    "encryption",
    "antivirus",
    "transformations",
)
FILES: Final = resource_list(
    files,
    "name",
    "folder",
    "signature",
    "mimeType",
    "sizeOriginal",
    "chunksTotal",
    "chunksUploaded",
    columns={"sizeOriginal": files.c.size, "chunksUploaded": files.c.chunks_total},
)

_ADD_TO_BUCKET: Final = (
    update(buckets)
    .where(buckets.c.sequence == bindparam("bucket_sequence"))
    .values(total_size=buckets.c.total_size + bindparam("added"))
)
_COMMON: Final = (
    "id",
    "created_at",
    "permissions",
    "name",
    "folder",
    "mime_type",
    "size",
    "chunks_total",
    "uploader",
)
"""Columns that an upload and its file have in common."""
_PARTS: Final = (file_parts, upload_parts)


class Part(NamedTuple):
    """An object that holds a stretch of a content."""

    key: str
    size: int
    """Bytes of the content."""
    compression: Compression = "none"
    sealed_key: str = ""
    """What opens it; empty if it is not encrypted."""
    stored_size: int = 0
    """Bytes of the object, where it is compressed or encrypted."""

    @property
    def actual_size(self) -> int:
        """Bytes of the object."""
        return self.size if self.compression == "none" and not self.sealed_key else self.stored_size


def bucket_by_id(connection: Connection, bucket_id: str) -> Row[Any] | None:
    """The bucket with this id, enabled or not."""
    return find_row(connection, buckets, id=bucket_id)


def insert_bucket(connection: Connection, **values: Any) -> Row[Any]:
    """Add a bucket with its grants."""
    row = insert_row(connection, buckets, **values)
    write_grants(connection, "bucket", row.sequence, row.permissions)
    return row


def change_bucket(connection: Connection, bucket: Row[Any], **values: Any) -> Row[Any]:
    """Change columns of a bucket, and its grants if its permissions are among them."""
    if "permissions" in values:
        write_grants(connection, "bucket", bucket.sequence, values["permissions"])
    return update_row(connection, buckets, bucket.sequence, **values)


def drop_bucket(connection: Connection, sequence: int) -> None:
    """Delete a bucket with all its files and uploads."""
    in_bucket = select(files.c.sequence).where(files.c.bucket_sequence == sequence)
    uploading = select(uploads.c.sequence).where(uploads.c.bucket_sequence == sequence)
    discard_objects(connection, select(file_parts.c.key).where(file_parts.c.file_sequence.in_(in_bucket)))
    discard_objects(
        connection, select(upload_parts.c.key).where(upload_parts.c.upload_sequence.in_(uploading))
    )
    delete_grants(connection, "file", in_bucket)
    connection.execute(delete(files).where(files.c.bucket_sequence == sequence))
    connection.execute(delete(uploads).where(uploads.c.bucket_sequence == sequence))
    delete_grants(connection, "bucket", sequence)
    delete_row(connection, buckets, sequence)


def list_files(
    connection: Connection,
    bucket: Row[Any],
    queries: Sequence[str],
    search: str,
    total: bool,
    readers: Sequence[str] | None,
) -> tuple[int, list[Row[Any]]]:
    """A page of a bucket's files, and how many there are: those that ``readers`` may read; None: all.

    Raises what :func:`list_rows` raises.
    """
    where: list[ColumnElement[bool]] = []
    if readers is not None:
        where.append(readable_among(connection, "file", files.c.sequence, readers))
    return list_rows(connection, FILES, queries, search, where, total, bucket_sequence=bucket.sequence)


def find_file(connection: Connection, bucket: Row[Any], file_id: str) -> Row[Any] | None:
    """A complete file of the bucket."""
    return find_row(connection, files, bucket_sequence=bucket.sequence, id=file_id)


def insert_file(
    connection: Connection, bucket: Row[Any], parts: Sequence[Part], signature: str, **values: Any
) -> Row[Any]:
    """Add a complete file, whose content is ``parts`` one after the other."""
    compressions = {part.compression for part in parts}
    row = insert_row(
        connection,
        files,
        bucket_sequence=bucket.sequence,
        signature=signature,
        # A bucket may have been changed while chunks came: then not all are stored alike.
        encryption=all(part.sealed_key for part in parts),
        compression=compressions.pop() if len(compressions) == 1 else "none",
        size_actual=sum(part.actual_size for part in parts),
        **values,
    )
    connection.execute(
        insert(file_parts),
        [
            {"file_sequence": row.sequence, "position": position, **_stored_values(part)}
            for position, part in enumerate(parts)
        ],
    )
    write_grants(connection, "file", row.sequence, row.permissions)
    _add_to_bucket(connection, bucket.sequence, row.size_actual)
    return row


def change_file(connection: Connection, file: Row[Any], **values: Any) -> Row[Any]:
    """Change columns of a file, and its grants if its permissions are among them."""
    if "permissions" in values:
        write_grants(connection, "file", file.sequence, values["permissions"])
    return update_row(connection, files, file.sequence, **values)


def drop_file(connection: Connection, file: Row[Any]) -> None:
    """Delete a file."""
    discard_objects(connection, select(file_parts.c.key).where(file_parts.c.file_sequence == file.sequence))
    delete_grants(connection, "file", file.sequence)
    delete_row(connection, files, file.sequence)
    _add_to_bucket(connection, file.bucket_sequence, -file.size_actual)


def parts_of_file(connection: Connection, file: Row[Any]) -> list[Part]:
    """The objects that a file consists of, in order."""
    parts = select(*_stored_columns(file_parts)).where(file_parts.c.file_sequence == file.sequence)
    return [Part(*row) for row in connection.execute(parts.order_by(file_parts.c.position))]


def find_upload(connection: Connection, bucket: Row[Any], file_id: str) -> Row[Any] | None:
    """An upload into the bucket that is not complete yet."""
    return find_row(connection, uploads, bucket_sequence=bucket.sequence, id=file_id)


def insert_upload(connection: Connection, bucket: Row[Any], **values: Any) -> Row[Any]:
    """Begin an upload, of which nothing has arrived."""
    return insert_row(connection, uploads, bucket_sequence=bucket.sequence, **values)


def insert_part(
    connection: Connection, upload: Row[Any], number: int, part: Part, md5: str, **changes: Any
) -> Row[Any]:
    """Add a part of an upload, and change columns of the upload; returns the upload."""
    connection.execute(
        insert(upload_parts).values(
            upload_sequence=upload.sequence, number=number, md5=md5, **_stored_values(part)
        )
    )
    arrived = upload.chunks_uploaded + 1
    return update_row(connection, uploads, upload.sequence, chunks_uploaded=arrived, **changes)


def md5_of_part(connection: Connection, upload: Row[Any], number: int) -> str | None:
    """The MD5 of a part that has arrived; None if it has not."""
    wanted = (upload_parts.c.upload_sequence == upload.sequence, upload_parts.c.number == number)
    return connection.execute(select(upload_parts.c.md5).where(*wanted)).scalar_one_or_none()


def parts_of_upload(connection: Connection, upload: Row[Any]) -> dict[int, Part]:
    """The parts of an upload that have arrived, by their numbers and in their order."""
    rows = connection.execute(
        select(upload_parts.c.number, *_stored_columns(upload_parts))
        .where(upload_parts.c.upload_sequence == upload.sequence)
        .order_by(upload_parts.c.number)
    )
    return {number: Part(*stored) for number, *stored in rows}


def complete_upload(
    connection: Connection, bucket: Row[Any], upload: Row[Any], parts: Sequence[Part], signature: str
) -> Row[Any]:
    """Turn an upload, all of whose parts are there, into a file."""
    delete_row(connection, uploads, upload.sequence)
    values = {column: getattr(upload, column) for column in _COMMON}
    return insert_file(connection, bucket, parts, signature, **values)


def drop_upload(connection: Connection, sequence: int) -> None:
    """Delete an upload that is not complete."""
    discard_objects(connection, select(upload_parts.c.key).where(upload_parts.c.upload_sequence == sequence))
    delete_row(connection, uploads, sequence)


def drop_upload_with(connection: Connection, key: str) -> None:
    """Delete the upload that an object is a part of, if there is one."""
    upload = connection.scalar(select(upload_parts.c.upload_sequence).where(upload_parts.c.key == key))
    if upload is not None:
        drop_upload(connection, upload)


def sealed_parts(connection: Connection, but_for: int, after: str, limit: int) -> list[tuple[str, str]]:
    """Some objects whose keys are sealed with another generation of the secret than ``but_for``.

    By their keys, in whose order those behind ``after`` come, with what opens them.
    """
    older = [
        select(table.c.key, table.c.sealed_key).where(
            table.c.sealed_key != "", table.c.sealed_key.not_like(f"{but_for}.%"), table.c.key > after
        )
        for table in _PARTS
    ]
    rows = connection.execute(union_all(*older).order_by("key").limit(limit))
    return [(key, sealed_key) for key, sealed_key in rows]


def change_sealed_keys(connection: Connection, sealed: Mapping[str, str]) -> None:
    """Replace what opens objects, by their keys."""
    for table in _PARTS:
        connection.execute(
            update(table)
            .where(table.c.key == bindparam("object_key"))
            .values(sealed_key=bindparam("sealed")),
            [{"object_key": key, "sealed": sealed_key} for key, sealed_key in sealed.items()],
        )


def _stored_columns(table: Table) -> tuple[Column[Any], ...]:
    return tuple(table.c[name] for name in Part._fields)


def _stored_values(part: Part) -> dict[str, Any]:
    return part._asdict() | {"stored_size": part.actual_size}


def _add_to_bucket(connection: Connection, bucket_sequence: int, size: int) -> None:
    """Add to the size of the bucket's content. It is no setting, so ``$updatedAt`` stays."""
    connection.execute(_ADD_TO_BUCKET, {"bucket_sequence": bucket_sequence, "added": size})
