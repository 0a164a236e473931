"""A function as it lies in a folder of its author: what it is written in, how it begins, its code packed."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tidewire.functions.contract import Runtime

CONFIGURATIONS: Final = ("appwrite.config.json", "appwrite.json")
"""Files in which ``appwrite-cli`` keeps what it pushes, the newer name first."""
_BEGINNINGS: Final = ("src/main", "main", "src/index", "index")
_LANGUAGES: Final = {".py": "python", ".js": "node", ".mjs": "node", ".cjs": "node"}
_LEFT_OUT: Final = frozenset({".git", "__pycache__"})


class LocalFunctionError(Exception):
    """The folder cannot be run as a function. The text says why and what to do."""


@dataclass(frozen=True)
class LocalFunction:
    """A folder, with what a deployment would say of it."""

    folder: Path
    runtime: str
    """The key of a runtime of this machine."""
    entrypoint: str
    commands: str
    timeout: float
    """Seconds."""

    def files(self) -> Iterator[Path]:
        """All files of it, without those of Git and what Python compiled. Blocks."""
        for parent, folders, names in os.walk(self.folder):
            folders[:] = sorted(set(folders) - _LEFT_OUT)
            yield from (Path(parent, name) for name in sorted(names))

    def state(self) -> int:
        """A number that is another one when a file was written, added or removed. Blocks.

        Packages in ``node_modules`` are not looked at: there may be tens of thousands of files.
        """
        found = []
        for parent, folders, names in os.walk(self.folder):
            folders[:] = set(folders) - _LEFT_OUT - {"node_modules", "runtime-env"}
            for name in names:
                try:
                    status = os.lstat(os.path.join(parent, name))  # noqa: PTH118
                except OSError:
                    continue  # it was removed meanwhile
                found.append((parent, name, status.st_mtime_ns, status.st_size))
        return hash(tuple(sorted(found)))

    def pack(self, archive: Path) -> None:
        """Write the folder as a gzip tar. Blocks."""
        with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
            for path in self.files():
                tar.add(path, path.relative_to(self.folder).as_posix(), recursive=False)

    def variables(self) -> dict[str, str]:
        """What stands in the folder's ``.env``: lines of ``NAME=value``, which may be quoted."""
        try:
            lines = (self.folder / ".env").read_text().splitlines()
        except FileNotFoundError:
            return {}
        found = {}
        for line in lines:
            name, separator, value = line.strip().removeprefix("export ").partition("=")
            if separator and not name.startswith("#"):
                value = value.strip()
                quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
                found[name.strip()] = value[1:-1] if quoted else value
        return found


def find_function(
    folder: Path, runtimes: Sequence[Runtime], *, runtime: str, entrypoint: str, commands: str
) -> LocalFunction:
    """What is in a folder, after the ``appwrite.config.json`` in it or above it, if that names it.

    ``runtime``, ``entrypoint``, ``commands``: what goes before all else; empty for what is found.
    Raises :class:`LocalFunctionError`.
    """
    if not folder.is_dir():
        raise LocalFunctionError(f"there is no folder {folder}")
    pushed = _pushed(folder)
    entrypoint = entrypoint or str(pushed.get("entrypoint") or "") or _entrypoint(folder)
    if not (folder / entrypoint).is_file():
        raise LocalFunctionError(f"there is no {entrypoint} in {folder}; name the file with --entrypoint")
    return LocalFunction(
        folder,
        _runtime(entrypoint, runtimes, runtime or str(pushed.get("runtime") or "")),
        entrypoint,
        commands or str(pushed.get("commands") or ""),
        float(pushed.get("timeout") or 15),
    )


def _pushed(folder: Path) -> dict[str, Any]:
    """What ``appwrite-cli`` would push for a folder."""
    for place in (folder, *folder.parents):
        for name in CONFIGURATIONS:
            try:
                functions = json.loads((place / name).read_text()).get("functions", [])
                return next(each for each in functions if (place / each["path"]).resolve() == folder)
            except (FileNotFoundError, StopIteration):
                continue
            except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
                raise LocalFunctionError(f"{place / name} cannot be read: {error}") from None
    return {}


def _entrypoint(folder: Path) -> str:
    try:
        named = json.loads((folder / "package.json").read_text()).get("main")
    except (OSError, ValueError, AttributeError):
        named = None
    if named:
        return str(named)
    for beginning in _BEGINNINGS:
        for extension in _LANGUAGES:
            if (folder / (beginning + extension)).is_file():
                return beginning + extension
    looked_for = ", ".join(_BEGINNINGS)
    raise LocalFunctionError(
        f"no code was found in {folder}: looked for {looked_for} (.py, .js, .mjs, .cjs); use --entrypoint"
    )


def _runtime(entrypoint: str, runtimes: Sequence[Runtime], asked: str) -> str:
    keys = [each.key for each in runtimes]
    if asked in keys:
        return asked
    here = ", ".join(keys) or "none"
    if asked:
        raise LocalFunctionError(
            f"this machine does not have the runtime {asked}; --runtime is one of: {here}"
        )
    language = _LANGUAGES.get(Path(entrypoint).suffix)
    found = [each.key for each in runtimes if each.language == language]
    if not found:
        raise LocalFunctionError(f"no runtime for {entrypoint} was found; --runtime is one of: {here}")
    return found[-1]
