"""The keys of all projects as programs show them, kept while the instance's database does not change."""

from __future__ import annotations

from typing import Final

from tidewire.core.time import now
from tidewire.store.caches.cache import Cache
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.machine.background import Background
from tidewire.store.records.api_keys import (
    ACCESS_PRECISION,
    MAX_SDKS,
    ApiKey,
    find_api_key,
    hash_api_key,
    note_key_access,
)
from tidewire.store.records.dev_keys import DevKey, find_by_secret, hash_dev_key, note_dev_key_access

_KEYS_CACHED: Final = 10_000


class KeyRing:
    """Finds keys by their secrets."""

    def __init__(self, platform: Database, background: Background) -> None:
        self._platform = platform
        self._background = background
        self._keys: Cache[ApiKey] = Cache(platform, _KEYS_CACHED)
        self._dev_keys: Cache[DevKey] = Cache(platform, _KEYS_CACHED)
        self._noting: set[ApiKey | DevKey] = set()

    async def find(self, secret: str) -> ApiKey | None:
        """The key of any type and owner with this secret; it may be expired (``expires``)."""
        secret_hash = hash_api_key(secret)
        if secret_hash is None:
            return None
        return await self._keys.get(secret_hash, lambda connection: find_api_key(connection, secret_hash))

    async def of_project(self, project_id: str, secret: str) -> ApiKey | None:
        """The key with this secret if it belongs to the project; it may be expired (``expires``)."""
        key = await self.find(secret)
        return key if key is not None and key.type == "standard" and key.project_id == project_id else None

    async def dev_key(self, project_id: str, secret: str) -> DevKey | None:
        """The dev key with this secret if it belongs to the project and has not expired."""
        secret_hash = hash_dev_key(secret)
        if secret_hash is None:
            return None
        key = await self._dev_keys.get(
            secret_hash, lambda connection: find_by_secret(connection, secret_hash)
        )
        return key if key is not None and key.project_id == project_id and key.expires > now() else None

    def note_access(self, key: ApiKey | DevKey, sdk: str) -> None:
        """Remember, a moment later, that a key was used; ``sdk`` is empty if it is not known by which."""
        known = not sdk or sdk in key.sdks or len(key.sdks) >= MAX_SDKS
        if (known and key.accessed_at > now() - ACCESS_PRECISION) or key in self._noting:
            return
        self._noting.add(key)
        self._background.begin(self._note_access(key, "" if known else sdk))

    async def _note_access(self, key: ApiKey | DevKey, sdk: str) -> None:
        def unit(transaction: Transaction) -> None:
            if isinstance(key, DevKey):
                note_dev_key_access(transaction.connection, key, sdk)
            else:
                note_key_access(transaction.connection, key, sdk)

        try:
            await self._platform.write(unit)
        finally:
            self._noting.discard(key)
