"""Answering the messages of one connection, each when it is its turn."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import structlog

from tidewire.realtime.project.project import ProjectRealtime
from tidewire.realtime.protocol import frames
from tidewire.realtime.protocol.errors import (
    INTERNAL,
    INVALID_FORMAT,
    POLICY_VIOLATION,
    TOO_MUCH,
    MessageError,
)
from tidewire.realtime.protocol.messages import Authenticate, Message, Ping, Publish, SetPresence, Subscribe
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.realtime.session.conversation import authenticate, known_to, respond, subscribe_in_slices
from tidewire.realtime.session.message_reader import LongText, MessageReader
from tidewire.realtime.session.publishing import publish
from tidewire.realtime.session.services import Services
from tidewire.realtime.wire.contract import Wire
from tidewire.store.engine.failures import is_unanswered


@dataclass(frozen=True, slots=True)
class LookUp:
    """A message that the database has to be asked about, or whose answer takes long to make."""

    message: Subscribe


LENGTHY: Final = (Authenticate, SetPresence, Publish, LookUp, LongText)
"""Messages that need the database, or take long."""
MAX_BACKLOG: Final = 16
"""Messages that wait while an earlier one is handled; beyond it the socket is not read any more."""

UNANSWERED: Final = "The database cannot answer just now; try again."

_log: Final = structlog.get_logger(__name__)


class Responder(MessageReader):
    """The part of a session that answers messages, one after the other in the order in which they came.

    A message that needs the database, or takes long, is answered by a task; what comes meanwhile waits.
    """

    __slots__ = ("_backlog", "_impersonated", "_project")

    def __init__(self, services: Services, wire: Wire) -> None:
        super().__init__(services, wire)
        self._project: ProjectRealtime | None = None
        """The project that the client connected to, from the time that it is known until the connection
        ends."""
        self._backlog: deque[Message | MessageError | LookUp | LongText] | None = deque()
        """Messages that wait until an earlier one is done with; None if the next one is handled at once."""
        self._impersonated = False
        """Whether another user acts as the user of the connection."""

    def handle(self, message: Message | MessageError | LongText) -> None:
        """Answer a message, or keep it until it is its turn."""
        if isinstance(message, Ping) and not self.roles:
            # Some SDKs send one before they are admitted.
            self.tell(frames.PONG)
        elif self._backlog is not None:
            self._backlog.append(message)
            self.wire.read_on()
        elif isinstance(message, LENGTHY):
            self._backlog = deque((message,))
            self.services.tasks.run(self.work_off())
        else:
            self._answer(message)

    @property
    def is_overloaded(self) -> bool:
        """See :class:`WireUser`."""
        waiting = self._backlog
        if not waiting:
            return False
        long = sum(len(each.text) for each in waiting if isinstance(each, LongText))
        return len(waiting) > MAX_BACKLOG or long > self.services.settings.realtime_max_message_bytes

    @property
    def has_api_key(self) -> bool:
        """Whether an API key was shown."""
        api_keys = self._project.hub.api_keys if self._project is not None else None
        return api_keys is not None and api_keys.key_of(self) is not None

    def refused(self, error: MessageError) -> None:
        """Count a message that was refused, in whole or in part, and say so in the log now and then."""
        super().refused(error)
        self.services.meters.refused[str(error.code)] += 1
        self.tell_limit(error)
        assert self.refusals is not None
        count = self.refusals.number
        if count.bit_count() == 1:  # the first, then ever fewer: a client may go on for hours
            project = self._project.hub.project_id if self._project is not None else ""
            _log.info("messages refused", connection=self.id, project=project, count=count, code=error.code)

    def tell_limit(self, error: MessageError) -> None:
        if error.limit:
            project = self._project.hub.project_id if self._project is not None else ""
            self.services.limits_reached.tell(
                error.limit, address=self.origin, project=project, reason=error.message
            )

    async def work_off(self) -> None:
        """Handle what waits, and what comes to wait meanwhile."""
        while self._backlog:
            message = self._backlog.popleft()
            if isinstance(message, LENGTHY):
                await self._take_time(message)
            else:
                self._answer(message)
        self._backlog = None
        self.wire.read_on()

    async def _take_time(self, message: Authenticate | SetPresence | Publish | LookUp | LongText) -> None:
        """Answer a message that needs the database, or is long."""
        if isinstance(message, LongText):
            admitted = await self.admit_later(message)
            if isinstance(admitted, LENGTHY):
                await self._take_time(admitted)
            elif admitted is not None:
                self._answer(admitted)
            return
        project = self._project
        assert project is not None
        try:
            if isinstance(message, SetPresence):
                self.tell(frames.presence(await project.presences.set(self, message)))
            elif isinstance(message, LookUp):
                await self._subscribe(project, message.message)
            elif isinstance(message, Publish):
                channels = self.services.channels
                self.tell(await publish(channels, project.database, project.hub, self, message))
            elif self._impersonated:
                raise MessageError(INVALID_FORMAT, "An impersonated connection cannot log in.")
            else:
                self.tell(await authenticate(project.hub, self, message))
        except MessageError as error:
            self.count(isinstance(message, Publish))
            self._report(error)
        except Exception as error:
            if is_unanswered(error):
                self._report(MessageError(TOO_MUCH, UNANSWERED))
                if isinstance(message, Authenticate | LookUp):
                    # SDKs send these once, but again when they come back.
                    self.close(CloseStatus.TRY_LATER)
                return
            _log.exception("realtime message failed", connection=self.id, project=project.hub.project_id)
            self._report(MessageError(INTERNAL, "The server failed to do what the message asks for."))

    async def _subscribe(self, project: ProjectRealtime, message: Subscribe) -> None:
        """Answer a ``subscribe`` that takes a while, before anything that happens meanwhile."""
        wire = self.wire
        earlier, answer = wire.keep_back(), list[bytes]()
        try:
            answer = await subscribe_in_slices(project.hub, self, message, self.services.reading.turn)
        finally:
            wire.go_ahead(earlier, answer)

    def _answer(self, message: Message | MessageError) -> None:
        if isinstance(message, MessageError):
            self._report(message)
        elif self._project is not None:
            assert not isinstance(message, LENGTHY)
            hub = self._project.hub
            try:
                known = known_to(hub, self, message)
                if known is None:
                    assert isinstance(message, Subscribe)
                    self._answer_later(message)
                else:
                    self.wire.send_text(*respond(hub, self, message, known))
            except MessageError as error:
                self._report(error)

    def _answer_later(self, message: Subscribe) -> None:
        """Answer with time for it, and let what comes meanwhile wait."""
        waiting = self._backlog is not None
        if self._backlog is None:
            self._backlog = deque()
        self._backlog.appendleft(LookUp(message))
        if not waiting:
            self.services.tasks.run(self.work_off())

    def _report(self, error: MessageError) -> None:
        self.refused(error)
        self.tell(frames.error(error.code, error.message, error.kind, error.explanation))
        if error.code == POLICY_VIOLATION:
            self.close(CloseStatus.REFUSED)
