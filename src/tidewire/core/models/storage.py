"""Models of the storage service."""

from __future__ import annotations

from tidewire.core.models.base import Model, Page, Resource, system


class Bucket(Resource, frozen=True, kw_only=True):
    """A container of files with its rules."""

    permissions: list[str] = system("permissions")
    file_security: bool
    name: str
    enabled: bool
    maximum_file_size: int
    """Bytes."""
    allowed_file_extensions: list[str]
    compression: str
    encryption: bool
    antivirus: bool
    transformations: bool
    total_size: int
    """Bytes of all its files."""


class BucketList(Page, frozen=True, kw_only=True):
    """A page of buckets."""

    buckets: list[Bucket]


class File(Model, frozen=True, kw_only=True):
    """The description of a stored file."""

    id: str = system("id")
    bucket_id: str
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")
    permissions: list[str] = system("permissions")
    name: str
    folder: str
    key: str
    """Folder and name."""
    signature: str
    """MD5 of the content, hexadecimal."""
    mime_type: str
    size_original: int
    """Bytes."""
    size_actual: int
    """Bytes in storage."""
    chunks_total: int
    chunks_uploaded: int
    encryption: bool
    compression: str


class FileList(Page, frozen=True, kw_only=True):
    """A page of files."""

    files: list[File]
