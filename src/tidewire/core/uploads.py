"""A file as it arrives from a client: whole, or as one chunk of a larger one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tidewire.core.parameters import Check

CHUNK_SIZE: Final = 5 * 1024 * 1024
"""Bytes in every chunk but the last, in every SDK."""

Compression = Literal["none", "gzip", "zstd"]


@dataclass(frozen=True)
class Storing:
    """How content is to be stored."""

    compression: Compression = "none"
    encrypted: bool = False


PLAIN: Final = Storing()
"""As it is."""


@dataclass(frozen=True)
class ContentRange:
    """The place of a chunk in its file: bytes ``start`` to ``end`` (inclusive) of ``total``."""

    start: int
    end: int
    total: int

    @property
    def number(self) -> int:
        """Number of the chunk, counted from 1."""
        return self.start // CHUNK_SIZE + 1

    @property
    def count(self) -> int:
        """Number of chunks in the file."""
        return -(-self.total // CHUNK_SIZE)


@dataclass(frozen=True)
class Upload:
    """A received file part, already in object storage under ``key`` but not yet part of any file."""

    name: str
    """File name as the client sent it, without directories."""
    key: str
    size: int
    """Bytes received."""
    md5: str
    """Hexadecimal MD5 of the bytes received."""
    head: bytes
    """The first bytes, enough to tell the type of the content."""
    range: ContentRange | None = None
    """The place of the chunk in its file; None if the request brings the whole file."""
    upload_id: str | None = None
    """Id of the file that a chunk after the first belongs to."""
    compression: Compression = "none"
    """How the object is compressed."""
    sealed_key: str = ""
    """What opens the object, sealed; empty if it is not encrypted."""
    stored_size: int = 0
    """Bytes of the object, where it is compressed or encrypted."""


@dataclass(frozen=True)
class FilePart(Check):
    """The file of a multipart request, already received (:class:`Upload`)."""

    json_type = "file"

    def convert(self, value: object) -> object:
        return value

    def schema(self) -> dict[str, object]:
        return {"type": "string", "format": "binary"}
