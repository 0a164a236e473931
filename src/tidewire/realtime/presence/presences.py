"""Presences written over connections, which end with them."""

from __future__ import annotations

from typing import Final

import msgspec

from tidewire.core.errors import TidewireError
from tidewire.core.ids import unique_id
from tidewire.core.models.presences import Presence
from tidewire.core.presences import (
    MAX_LIFETIME_MS,
    MAX_METADATA_BYTES,
    MAX_STATUS,
    presence_permissions,
)
from tidewire.core.time import now
from tidewire.realtime.protocol.errors import POLICY_VIOLATION, UNAUTHORIZED, MessageError, refused_as_by_rest
from tidewire.realtime.protocol.messages import SetPresence
from tidewire.realtime.protocol.request import CONSOLE
from tidewire.realtime.receivers.receiver import Receiver
from tidewire.store.engine.database import Database, Transaction
from tidewire.store.records.identities import user_identity
from tidewire.store.records.presences import PresenceState, Writer, release, set_presence

_encode: Final = msgspec.json.Encoder().encode


def check_presence(project_id: str, receiver: Receiver) -> None:
    """Raise :class:`MessageError` for a connection that can have no presence."""
    if project_id == CONSOLE:
        raise MessageError(POLICY_VIOLATION, "There are no presences of connections to the console.")
    if not receiver.user_id or (receiver.login is not None and receiver.login.foreign):
        raise MessageError(
            UNAUTHORIZED,
            "User must be authorized",
            explanation="Only users of the project have a presence: sign in first.",
        )


class Presences:
    """The presences that connections of one project keep in this process."""

    def __init__(self, database: Database, process_id: str) -> None:
        self._database = database
        self._process_id = process_id
        self._keepers: set[Receiver] = set()
        """Connections that wrote a presence, or are about to."""

    async def set(self, receiver: Receiver, message: SetPresence) -> Presence:
        """Write the presence of the user of a connection. Raises :class:`MessageError`.

        Who the user is and may grant to is looked up in the same transaction.
        """
        check_presence(self._database.project_id, receiver)
        user_id, writer = receiver.user_id, Writer(self._process_id, receiver.number)
        self._keepers.add(receiver)
        with refused_as_by_rest():
            return await self._database.write(lambda transaction: _set(transaction, user_id, writer, message))

    def keeps(self, receiver: Receiver) -> bool:
        """Whether a connection may have written a presence that is there still."""
        return receiver in self._keepers

    async def release(self, receiver: Receiver) -> None:
        """End the presences of a connection that has ended, or is not its user's any more."""
        self._keepers.discard(receiver)
        writer = Writer(self._process_id, receiver.number)
        await self._database.write(lambda transaction: release(transaction, writer))


def _set(transaction: Transaction, user_id: str, writer: Writer, message: SetPresence) -> Presence:
    identity = user_identity(transaction.connection, user_id)
    if identity is None:
        raise TidewireError("user_not_found", "The user of this connection does not exist any more.")
    if identity.account.status is False:
        raise TidewireError("user_blocked", "The user of this connection is blocked.")
    if len(message.status) > MAX_STATUS:
        raise TidewireError("general_argument_invalid", f"A status has at most {MAX_STATUS} characters.")
    if len(_encode(message.metadata)) > MAX_METADATA_BYTES:
        raise TidewireError(
            "general_argument_invalid", f"Metadata has at most {MAX_METADATA_BYTES} bytes as JSON."
        )
    state = PresenceState(
        user_id=user_id,
        status=message.status,
        permissions=presence_permissions(message.permissions, user_id, identity.roles),
        expires_at=now() + MAX_LIFETIME_MS,
        metadata=message.metadata,
        source="realtime",
    )
    return set_presence(transaction, message.id or unique_id(), state, writer)
