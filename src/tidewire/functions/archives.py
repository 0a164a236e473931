"""Gzip tars: sources that strangers send are unpacked with care, results are packed."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from tidewire.functions.contract import BadArchiveError, BuildFailedError, TooLargeError

_ALWAYS_ALLOWED: Final = 64 * 2**20
"""Bytes that an archive may unpack to, whatever its ratio: text of one letter is packed very well."""
_HEADER_BYTES: Final = 16 * 2**20
"""The most bytes of all headers of an archive's entries together, since they are read into memory."""
_HEADER_BYTES_OF_ENTRY: Final = 2048
_MAX_PATH: Final = 1024
_COMPRESSION: Final = 3
_PIECE: Final = 256 * 1024


@dataclass(frozen=True)
class ArchiveBounds:
    """What an archive may become."""

    unpacked_bytes: int
    files: int
    """Entries of every kind."""
    ratio: int = 200
    """Bytes unpacked for a byte packed, beyond 64 MiB."""


Check = Callable[[], None]
"""A function that is called between the pieces of work; what it raises ends the work."""


def unpack(archive: Path, folder: Path, bounds: ArchiveBounds, check: Check = lambda: None) -> None:
    """Unpack a gzip tar into an empty folder. Blocks; memory stays small.

    Owners, special permissions and times of folders are not kept, and everybody may read what is in it: the
    code runs as a user of its own, whatever the archive and the server's umask say. Raises
    :class:`BadArchiveError` for an entry that would lie outside, also by a link, for devices and pipes, and
    for what is no gzip tar; :class:`TooLargeError` when a bound is reached. What was unpacked until then is
    left to the caller.
    """
    allowed = min(bounds.unpacked_bytes, max(_ALWAYS_ALLOWED, bounds.ratio * archive.stat().st_size))
    try:
        with gzip.open(archive) as stream:
            counted = _Counted(stream, allowed, check)
            with tarfile.open(fileobj=counted, mode="r|") as tar:
                _extract(tar, counted, folder, bounds, allowed)
    except tarfile.LinkOutsideDestinationError as error:  # its text says where the server keeps things
        name = error.tarinfo.name[:200]
        raise BadArchiveError(f"The archive has a link that leads out of it: {name!r}.") from None
    except tarfile.FilterError as error:
        reason = _without(folder, error)
        raise BadArchiveError(f"The archive has an entry that is not allowed: {reason}.") from None
    except _BROKEN as error:
        raise BadArchiveError(f"The source is no complete gzip tar archive: {error}.") from None
    _let_read(folder)


def pack(folder: Path, archive: Path, max_bytes: int, max_files: int, check: Check = lambda: None) -> int:
    """Pack what is in a folder into a gzip tar, and return its bytes. Blocks.

    Links that lead out of the folder, devices, pipes and sockets are left out. Raises
    :class:`TooLargeError` where the archive could not be unpacked again, :class:`BuildFailedError` where no
    file is in it; then no archive is left.
    """
    root = folder.resolve()
    entries, any_file = 0, False
    try:
        with archive.open("wb") as file:
            limited = _Limited(file, max_bytes, check)
            with (
                gzip.GzipFile(
                    filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=limited, mtime=0
                ) as packed,
                tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
            ):
                for path in _walk(folder):
                    # A link to itself leads nowhere, and so not out; Path.resolve() raises for one.
                    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
                        continue
                    if path.is_symlink() and path.readlink().is_absolute():
                        continue
                    name = str(path.relative_to(folder))
                    if path.is_symlink() or path.is_dir() or path.is_file():
                        tar.add(path, name, recursive=False, filter=_anonymous)
                        entries, any_file = entries + 1, any_file or path.is_file()
                    if entries > max_files:
                        raise TooLargeError(f"What was built has more than {max_files} files and folders.")
            if not any_file:
                raise BuildFailedError("Build produced no output artifact.")
            return limited.written
    except BaseException:
        archive.unlink(missing_ok=True)
        raise


_BROKEN: Final = (
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    ValueError,  # what should be a number is none
    RecursionError,  # headers about headers
)


def _extract(
    tar: tarfile.TarFile, counted: _Counted, folder: Path, bounds: ArchiveBounds, allowed: int
) -> None:
    size = 0
    for files, member in enumerate(tar, 1):
        counted.allow_content(tar.offset - member.offset_data)  # where the next header begins
        size += member.size
        if files > bounds.files:
            raise TooLargeError(f"The archive has more than {bounds.files} entries.")
        if size > allowed:  # a sparse file claims more than it brings
            raise TooLargeError(f"The archive unpacks to more than {allowed} bytes.")
        _check_place(folder, member.name)
        if member.islnk():
            _check_place(folder, member.linkname)
            if (folder / member.linkname).is_symlink():
                raise BadArchiveError(f"The archive has a hard link to a link: {member.name}.")
        try:
            tar.extract(member, folder, filter="data")
        except (OSError, KeyError) as error:
            if isinstance(error, OSError) and error.errno in _DISK_FULL:
                raise
            raise BadArchiveError(
                f"The archive's entry {member.name!r} cannot be unpacked: {_without(folder, error)}."
            ) from None


def _without(folder: Path, error: Exception) -> str:
    """What an error says, without where the server keeps things."""
    return str(error).replace(os.path.realpath(folder), "").replace(str(folder), "")


def _let_read(folder: Path) -> None:
    for parent, folders, files in os.walk(folder):
        for name in folders:
            place = Path(parent, name)
            if not place.is_symlink():
                place.chmod(0o755)
        for name in files:
            place = Path(parent, name)
            if not place.is_symlink():
                place.chmod(0o755 if place.stat().st_mode & 0o100 else 0o644)


_DISK_FULL: Final = (28, 122)  # ENOSPC, EDQUOT


def _check_place(folder: Path, name: str) -> None:
    """Nothing is written through a link, wherever it leads: no archive that is made of a folder needs it."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or len(name) > _MAX_PATH or "\0" in name:
        raise BadArchiveError(f"The archive has an entry outside of it: {name[:200]!r}.")
    place = folder
    for part in path.parts[:-1]:
        place = place / part
        if place.is_symlink():
            raise BadArchiveError(f"The archive has an entry behind a link: {name[:200]!r}.")


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*folders, *files]):
            yield Path(parent) / name


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


class _Counted(io.RawIOBase):
    """What is unpacked, up to a number of bytes."""

    def __init__(self, stream: gzip.GzipFile, allowed: int, check: Check) -> None:
        super().__init__()
        self._stream = stream
        self._left = allowed + tarfile.RECORDSIZE * 8
        self._headers_left = _HEADER_BYTES
        self._allowed = allowed
        self._check = check

    def allow_content(self, size: int) -> None:
        """An entry was read: its content, which goes to the disk, is next and does not count as headers."""
        self._headers_left += size + _HEADER_BYTES_OF_ENTRY

    def read(self, size: int = -1, /) -> bytes:
        self._check()
        data = self._stream.read(min(size, _PIECE) if size > 0 else _PIECE)
        self._left -= len(data)
        self._headers_left -= len(data)
        if self._left < 0:
            raise TooLargeError(f"The archive unpacks to more than {self._allowed} bytes.")
        if self._headers_left < 0:
            raise TooLargeError("The headers of the archive's entries are too large.")
        return data


class _Limited:
    """A file that takes only so many bytes."""

    def __init__(self, file: IO[bytes], allowed: int, check: Check) -> None:
        self._file = file
        self._allowed = allowed
        self._check = check
        self.written = 0

    def write(self, data: bytes) -> int:
        self._check()
        self.written += len(data)
        if self.written > self._allowed:
            raise TooLargeError(f"What was built is larger than {self._allowed} bytes when packed.")
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()
