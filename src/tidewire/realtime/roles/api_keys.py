"""API-key connections: connections that showed an API key, and get every event of their project.

A key is checked when the connection is made, and again before each event if anything was committed to the
database of the keys since: a program that has lost the key gets nothing of what happens afterwards.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from tidewire.identity.keys import find_project_key
from tidewire.realtime.protocol.messages import refused_as_by_rest
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.realtime.receivers.receiver import Receiver
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import Database
from tidewire.store.instance.platform import Stores
from tidewire.store.records.api_keys import ApiKey, find_api_key, hash_api_key
from tidewire.store.secrets.credentials import is_ephemeral

SCOPE: Final = "realtime.read"
PUBLISHING_SCOPE: Final = "realtime.write"


class _Found(NamedTuple):
    """What the database has to say of a key."""

    key: ApiKey | None
    """None: there is no such key here."""


class ApiKeyConnections:
    """The API-key connections of one project in this process."""

    def __init__(self, stores: Stores, project_id: str) -> None:
        self._stores = stores
        self._platform: Database = stores.platform
        self._project_id = project_id
        self._keys: dict[Receiver, tuple[str, ApiKey]] = {}
        """By connection: the hash of the secret that was shown, empty for an ephemeral key, and the key."""
        self._version = 0
        self._next_expiry: float = math.inf

    async def find(self, secret: str) -> ApiKey | None:
        """The key with this secret; None if there is none here.

        Raises :class:`MessageError` if it has expired. Whether it has the scope is for the caller to see.
        """
        with refused_as_by_rest():
            return await find_project_key(self._stores, self._project_id, secret)

    def admit(self, receiver: Receiver, secret: str, key: ApiKey) -> None:
        """Begin to give a connection every event."""
        secret_hash = "" if is_ephemeral(secret) else hash_api_key(secret)
        assert secret_hash is not None, "a key was found by it"
        self._keys[receiver] = (secret_hash, key)
        # What was committed since the key was found counts from the next event on.
        self._version = 0
        self._next_expiry = min(self._next_expiry, key.expires or math.inf)

    def forget(self, receiver: Receiver) -> None:
        """A connection has ended, or is a user's now."""
        self._keys.pop(receiver, None)

    def key_of(self, receiver: Receiver) -> ApiKey | None:
        """The key that a connection showed; None: it showed none."""
        found = self._keys.get(receiver)
        return found[1] if found is not None else None

    def review(self, moment: int) -> None:
        """Close the connections whose keys are gone, have expired or lack the scope now."""
        if not self._keys:
            return
        version = self._platform.data_version()
        if version == self._version and moment < self._next_expiry:
            return
        self._next_expiry = math.inf
        known: dict[str, _Found | None] = {}
        for receiver, (secret_hash, shown) in list(self._keys.items()):
            if secret_hash and secret_hash not in known:
                known[secret_hash] = self._look_up(secret_hash)
            found = known[secret_hash] if secret_hash else _Found(shown)
            key = found.key if found is not None else None
            if key is None or SCOPE not in key.scopes or (key.expires and key.expires <= moment):
                self._keys.pop(receiver, None)
                # A key that nothing can be said of just now may be as good as before: its program comes back.
                receiver.close(CloseStatus.REFUSED if found is not None else CloseStatus.TRY_LATER)
            else:
                self._keys[receiver] = (secret_hash, key)
                self._next_expiry = min(self._next_expiry, key.expires or math.inf)
        self._version = version

    def _look_up(self, secret_hash: str) -> _Found | None:
        """The key as it is now; None if the database cannot tell."""

        def find(connection: Connection) -> _Found:
            key = find_api_key(connection, secret_hash)
            return _Found(key if key is not None and key.project_id == self._project_id else None)

        return self._platform.glance(find)
