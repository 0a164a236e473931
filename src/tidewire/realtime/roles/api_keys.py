"""API-key connections: connections that showed an API key, and get every event of their project.

A key is checked when the connection is made, and again before each event if anything was committed to the
database of the keys since: a program that has lost the key gets nothing of what happens afterwards.
"""

from __future__ import annotations

import math
from typing import Final

from tidewire.identity.keys import find_project_key
from tidewire.realtime.protocol.errors import refused_as_by_rest
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.realtime.receivers.receiver import Receiver
from tidewire.store.engine.connection import Connection
from tidewire.store.engine.database import NEVER, Database, Finding
from tidewire.store.instance.instance import Instance
from tidewire.store.records.api_keys import ApiKey, find_api_key, hash_api_key
from tidewire.store.secrets.credentials import is_ephemeral

SCOPE: Final = "realtime.read"
PUBLISHING_SCOPE: Final = "realtime.write"


_Keys = dict[str, ApiKey | None]
"""Keys by the hashes of their secrets; None: there is no such key here."""


class ApiKeyConnections:
    """The API-key connections of one project in this process."""

    def __init__(self, instance: Instance, project_id: str) -> None:
        self._instance = instance
        self._platform: Database = instance.database
        self._project_id = project_id
        self._keys: dict[Receiver, tuple[str, ApiKey]] = {}
        """For each connection, the hash of the secret that it showed, which is empty for an ephemeral key,
        and the key."""
        self._found: Finding[_Keys] = NEVER
        """The keys that are stored, as they were looked at last."""
        self._next_expiry: float = math.inf

    async def find(self, secret: str) -> ApiKey | None:
        """The key with this secret; None if there is none here.

        Raises :class:`MessageError` if it has expired. Whether it has the scope is for the caller to see.
        """
        with refused_as_by_rest():
            return await find_project_key(self._instance, self._project_id, secret)

    def admit(self, receiver: Receiver, secret: str, key: ApiKey) -> None:
        """Begin to give a connection every event."""
        secret_hash = "" if is_ephemeral(secret) else hash_api_key(secret)
        assert secret_hash is not None, "a key was found by it"
        self._keys[receiver] = (secret_hash, key)
        # What was committed since the key was found counts from the next event on.
        self._found = NEVER
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
        found = self._platform.find_at_once(self._look_up, self._found)
        if found is self._found and moment < self._next_expiry:
            return
        self._found = NEVER if found is None else found
        self._next_expiry = math.inf
        for receiver, (secret_hash, key) in list(self._keys.items()):
            present = key if not secret_hash else found.value[secret_hash] if found is not None else None
            if present is None or SCOPE not in present.scopes or 0 < present.expires <= moment:
                self._keys.pop(receiver, None)
                # A key that nothing can be said of just now may be as good as before: its program comes back.
                is_told = found is not None or not secret_hash
                receiver.close(CloseStatus.REFUSED if is_told else CloseStatus.TRY_LATER)
            else:
                self._keys[receiver] = (secret_hash, present)
                self._next_expiry = min(self._next_expiry, present.expires or math.inf)

    def _look_up(self, connection: Connection) -> _Keys:
        """The keys of all connections as they are now."""
        keys: _Keys = {}
        for secret_hash in {each for each, _ in self._keys.values() if each}:
            key = find_api_key(connection, secret_hash)
            keys[secret_hash] = key if key is not None and key.project_id == self._project_id else None
        return keys
