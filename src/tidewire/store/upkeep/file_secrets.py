"""Replacement of the secret that keys of stored files are sealed with, while servers run or not.

Objects stay as they are: what opens them is sealed anew, in short transactions between which others write.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tidewire.core.time import now
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Instance, ProjectStore
from tidewire.store.machine.locks import locked
from tidewire.store.records.stored_files import change_sealed_keys, sealed_parts
from tidewire.store.secrets.file_keys import SealedKeyError
from tidewire.store.secrets.secret_file import (
    SECRETS_NAME,
    FileSecret,
    read_secrets,
    replace_file_secrets,
)

STEP: Final = 500
"""Keys that are sealed anew in one transaction."""
OVERLAP_MS: Final = 24 * 3600 * 1000
"""Milliseconds for which a secret is kept beside its successor: for uploads that began before that."""
_SECRET_BYTES: Final = 32


class Rotation(NamedTuple):
    """What became of the keys of stored files."""

    generation: int
    """Of the new secret."""
    renewed: int
    """Keys that were sealed anew."""
    unreadable: int
    """Keys that could not be opened before, and still cannot."""


async def rotate_file_secret(instance: Instance) -> Rotation:
    """Make a new secret for stored files, seal all their keys with it, and forget secrets of long ago.

    It may be interrupted, and is then done again. Raises OSError, mostly StoreError.
    """
    path = Path(instance.settings.data_dir) / SECRETS_NAME
    generation = await asyncio.to_thread(_added, path)
    renewed = unreadable = 0
    for project_id in [CONSOLE_PROJECT_ID, *(each.id for each in await instance.list_projects())]:
        store = await instance.project(project_id)
        if store is not None:
            done, failed = await _renew(store, generation)
            renewed += done
            unreadable += failed
    await asyncio.to_thread(_forgotten, path)
    return Rotation(generation, renewed, unreadable)


async def _renew(store: ProjectStore, generation: int) -> tuple[int, int]:
    """Seal the keys of a project anew; how many were, and how many cannot be opened."""
    keys = store.objects.keys
    assert keys is not None
    renewed = unreadable = 0
    after: str | None = ""
    while after is not None:
        at = after

        def unit(transaction: Transaction, at: str = at) -> tuple[int, int, str | None]:
            connection = transaction.connection
            found = sealed_parts(connection, generation, at, STEP)
            anew: dict[str, str] = {}
            for key, sealed_key in found:
                try:
                    anew[key] = keys.renewed(sealed_key, key)
                except SealedKeyError:
                    continue
            if anew:
                change_sealed_keys(connection, anew)
            return len(anew), len(found) - len(anew), found[-1][0] if len(found) == STEP else None

        done, failed, after = await store.database.write(unit)
        renewed += done
        unreadable += failed
    return renewed, unreadable


def _added(path: Path) -> int:
    with locked(path.with_name("file-secrets.lock")):
        known = read_secrets(path).file_secrets
        generation = known[-1].generation + 1 if known else 1
        new = FileSecret(generation, secrets.token_bytes(_SECRET_BYTES), now())
        replace_file_secrets(path, [*known, new])
        return generation


def _forgotten(path: Path) -> None:
    with locked(path.with_name("file-secrets.lock")):
        replace_file_secrets(path, _kept(read_secrets(path).file_secrets))


def _kept(known: Sequence[FileSecret]) -> list[FileSecret]:
    """The secrets that still are of use: the newest, and those replaced only lately."""
    since = now() - OVERLAP_MS
    successors = [*known[1:], None]
    return [
        each
        for each, successor in zip(known, successors, strict=True)
        if successor is None or successor.created > since
    ]
