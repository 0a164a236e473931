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


class ResourceToken(Model, frozen=True, kw_only=True):
    """A token that lets whoever has it read a resource."""

    id: str = system("id")
    created_at: str = system("createdAt")
    resource_id: str
    """The ids of the bucket and of the file, with ``:`` between."""
    resource_type: str
    """``files``."""
    expire: str
    """The time at which it expires; empty if it never does."""
    secret: str
    """The text that is shown to read the resource, a JSON Web Token."""
    accessed_at: str
    """When it was last used, up to a day too early; empty if never."""


class ResourceTokenList(Page, frozen=True, kw_only=True):
    """A page of tokens."""

    tokens: list[ResourceToken]
