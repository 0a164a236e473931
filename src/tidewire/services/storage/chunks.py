"""Positions of chunks in their file. All chunks have one size; they come in any order, and perhaps twice."""

from __future__ import annotations

from dataclasses import dataclass

from tidewire.core.errors import TidewireError
from tidewire.core.ids import is_id, unique_id
from tidewire.core.uploads import CHUNK_SIZE, Upload


@dataclass(frozen=True)
class ChunkPosition:
    """A part's place in its file."""

    number: int
    """The number of the chunk, counted from 1."""
    count: int
    """Chunks of the file."""
    total: int
    """Bytes of the file."""


def place_of(upload: Upload) -> ChunkPosition:
    """The place of a part; raises ``storage_invalid_content_range`` for one that SDKs never send.

    Every chunk is as long as the chunk size but the last, which ends with the file: so chunks cannot
    overlap, and a gap is a missing number.
    """
    place = upload.range
    if place is None:
        return ChunkPosition(1, 1, upload.size)
    wrong = _problem(upload, place.start, place.end, place.total)
    if wrong:
        raise TidewireError("storage_invalid_content_range", f"The Content-Range header is wrong: {wrong}.")
    return ChunkPosition(place.number, place.count, place.total)


def _problem(upload: Upload, start: int, end: int, total: int) -> str:
    if not 0 <= start <= end < total:
        return "a chunk must end before the file does"
    if end - start + 1 != upload.size:
        return f"it announces {end - start + 1} bytes but {upload.size} were sent"
    if start % CHUNK_SIZE:
        return f"a chunk must start at a multiple of {CHUNK_SIZE}"
    if end + 1 != min(start + CHUNK_SIZE, total):
        return f"every chunk but the last must have {CHUNK_SIZE} bytes"
    return ""


def file_id_of(upload: Upload, given: str, place: ChunkPosition) -> str:
    """The id of the file that a part belongs to: ``X-Appwrite-ID`` before the form's field.

    Raises ``storage_invalid_appwrite_id``.
    """
    chosen = upload.upload_id or given
    if chosen == "unique()":
        if place.number == 1:
            return unique_id()
        raise wrong_upload_id()
    if not is_id(chosen):
        raise wrong_upload_id()
    return chosen


def wrong_upload_id() -> TidewireError:
    """The error for a chunk that names no file, or an upload of somebody else."""
    return TidewireError(
        "storage_invalid_appwrite_id",
        "X-Appwrite-ID, or `fileId`, must be the id of your own upload: one that you choose, or the $id that "
        "its first chunk got.",
    )
