"""Pictures that were made, kept on the disk: bounded in bytes; the project with most of them gives way."""

from __future__ import annotations

import heapq
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidewire.pictures.contract import Seal

IN_MEMORY: Final = 2**20
"""Bytes up to which a picture is read at once."""
_NOTED_SECONDS: Final = 3600.0
"""Seconds in which several uses of a picture are noted as one."""
_LEFT: Final = 0.9
"""The part of the bytes that may be kept to which pictures are deleted when there are too many."""
_UNSEEN: Final = 0.1
"""The part of these bytes that a process may add before it looks what others have added."""
_LARGEST: Final = 0.25
"""The part of these bytes that a single picture may have."""


@dataclass(frozen=True)
class KeptPicture:
    """The bytes of a picture."""

    size: int
    content: bytes
    """The bytes; empty: they are read from ``path``."""
    path: Path
    seal: Seal | None = None
    """What it is encrypted with where it is kept; None: with nothing."""

    def read(self, start: int, end: int) -> bytes:
        """Some of them. Raises OSError if the file has gone."""
        if self.content:
            return self.content[start:end]
        with self.path.open("rb") as file:
            if self.seal is not None:
                kept_bytes = os.fstat(file.fileno()).st_size
                return self.seal.opened(file, self.path.name, kept_bytes, start, end)
            file.seek(start)
            return file.read(end - start)


class KeptPictures:
    """A folder of pictures. Methods are called in threads; several processes may share the folder."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most = most_bytes
        self._lock = threading.Lock()
        self._bytes: int | None = None
        """The bytes in the folder when it was looked through last; None: it was not yet."""
        self._added = 0
        """Bytes since then."""

    def find(self, name: str, seal: Seal | None = None) -> KeptPicture | None:
        """A picture by its name, a path in the folder, and what it was kept with."""
        path = self._folder / name
        try:
            with path.open("rb") as file:
                about = os.fstat(file.fileno())
                kept_bytes = about.st_size
                size = kept_bytes if seal is None else seal.size_of(kept_bytes)
                if not size:  # a crash of the machine can leave a file without its content
                    return None
                content = b""
                if size <= IN_MEMORY and seal is None:
                    content = file.read()
                elif size <= IN_MEMORY and seal is not None:
                    content = seal.opened(file, path.name, kept_bytes, 0, size)
            if about.st_mtime < time.time() - _NOTED_SECONDS:
                os.utime(path)
        except OSError:
            return None
        return KeptPicture(size, content, path, seal)

    def keep(self, name: str, content: bytes, seal: Seal | None = None) -> KeptPicture:
        """Keep a picture, if it can be kept, encrypted where there is a ``seal``."""
        path = self._folder / name
        kept = KeptPicture(len(content), content, path, seal)
        if len(content) > self._most * _LARGEST:
            return kept
        with suppress(OSError):  # a full disk keeps nobody from seeing the picture
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, temporary = tempfile.mkstemp(dir=path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content if seal is None else seal.sealed(path.name, content))
                Path(temporary).replace(path)
            except OSError:
                Path(temporary).unlink(missing_ok=True)
                raise
            self._grown(len(content))
        return kept

    def forget(self, name: str) -> None:
        """Delete all that is kept below a path in the folder."""
        shutil.rmtree(self._folder / name, ignore_errors=True)

    def _grown(self, size: int) -> None:
        with self._lock:
            self._added += size
            seen = self._bytes is not None and self._added < self._most * _UNSEEN
            if not seen or (self._bytes or 0) + self._added > self._most:
                self._bytes, self._added = self._trimmed(), 0

    def _trimmed(self) -> int:
        """Delete what was used longest ago until enough is free; the bytes that are left."""
        found: list[tuple[float, int, str]] = []
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = os.path.join(folder, name)  # noqa: PTH118 - there may be many
                with suppress(OSError):
                    about = os.stat(path)  # noqa: PTH116
                    found.append((about.st_mtime, about.st_size, path))
        total = sum(size for _, size, _ in found)
        if total <= self._most:
            return total
        for size, path in self._in_turn(found):
            if total <= self._most * _LEFT:
                break
            with suppress(OSError):
                Path(path).unlink()
                total -= size
                Path(path).parent.rmdir()  # if it is empty
        return total

    def _in_turn(self, found: Iterable[tuple[float, int, str]]) -> Iterator[tuple[int, str]]:
        """What goes first: always of the project that has most at that moment what it used longest ago.

        So a project that asks for ever more pictures loses its own, and nobody else's.
        """
        kept: dict[str, list[tuple[float, int, str]]] = {}
        for each in sorted(found, reverse=True):
            names = Path(each[2]).relative_to(self._folder).parts  # the kind, the project, and so on
            kept.setdefault(names[1] if len(names) > 1 else "", []).append(each)
        largest = [(-sum(size for _, size, _ in each), project) for project, each in kept.items()]
        heapq.heapify(largest)
        while largest:
            left, project = largest[0]
            _, size, path = kept[project].pop()
            yield size, path
            if kept[project]:
                heapq.heapreplace(largest, (left + size, project))
            else:
                heapq.heappop(largest)
