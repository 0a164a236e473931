"""Admins: connections of users of the console who act as members of the team that owns a project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from tidewire.core.errors import TidewireError
from tidewire.core.second_factors import second_factor_missing
from tidewire.identity.people import admin_roles, find_person
from tidewire.realtime.protocol.request import CONSOLE, Inputs
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.store.engine.failures import is_unanswered
from tidewire.store.instance.instance import Instance

_log: Final = structlog.get_logger(__name__)


class Closable(Protocol):
    """A connection that can be closed."""

    def close(self, status: CloseStatus) -> None:
        """Close the connection."""


@dataclass(frozen=True, slots=True)
class _Admission:
    project_id: str
    session: str
    jwt: str


class Admins:
    """All connections in admin mode of this process.

    The events of a project say nothing of its admins, who are users of the console: so :meth:`review` looks
    them up again, after commits of the console and every few seconds.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._admitted: dict[Closable, _Admission] = {}

    def admit(self, connection: Closable, inputs: Inputs) -> None:
        """Begin to watch a connection that was admitted."""
        self._admitted[connection] = _Admission(inputs.project_id, inputs.session, inputs.jwt)

    def forget(self, connection: Closable) -> None:
        """A connection has ended."""
        self._admitted.pop(connection, None)

    async def review(self) -> None:
        """Close the connections whose users are no admins any more, or of whom that cannot be told just
        now."""
        for connection, admission in list(self._admitted.items()):
            try:
                status = None if await self._still_holds(admission) else CloseStatus.REFUSED
            except Exception as error:
                if not is_unanswered(error):
                    _log.exception("an admin's connection cannot be reviewed", project=admission.project_id)
                status = CloseStatus.TRY_LATER
            if status is not None:
                self._admitted.pop(connection, None)
                connection.close(status)

    async def _still_holds(self, admission: _Admission) -> bool:
        store = await self._instance.project(admission.project_id)
        console = await self._instance.project(CONSOLE)
        if store is None or console is None:
            return False
        try:
            identity = await find_person(console.identities, admission.session, admission.jwt)
        except TidewireError as error:
            if is_unanswered(error):
                raise
            return False
        if identity is None or not identity.account.status:
            return False
        if second_factor_missing(identity, console.project.settings.mfa_factors):
            return False
        return admin_roles(identity, store.project) is not None
