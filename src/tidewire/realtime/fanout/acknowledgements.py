"""Acknowledgements: up to which event each client of a project has certainly received everything.

Every WebSocket client answers a ping with the ping's payload (RFC 6455, section 5.5.3). So events are
followed by a ping with their offset, in the same write, and the pong says that all before it have arrived.
A connection is sent one ping a round, and none while an answer is outstanding: steady events cost one small
frame a second for each connection, and a client that never answers is sent no second ping.

What has arrived at a browser, a page has not read (:mod:`tidewire.realtime.receivers.page_progress`).
"""

from __future__ import annotations

from typing import Final

from tidewire.realtime.protocol import framing
from tidewire.realtime.receivers.receiver import Receiver

ROUND_SECONDS: Final = 1.0
"""Length of a round, in which a connection is sent one ping at most."""
PATIENCE: Final = 3
"""Rounds after which a client that never answered a ping is taken for one that does not."""


class Acknowledgements:
    """What the connections of one project were sent and have acknowledged. Each call costs microseconds."""

    def __init__(self, *, enabled: bool) -> None:
        self.round = 1 if enabled else 0
        """The present round: connections whose round is another one get a ping. 0: nobody gets any."""
        self.settled = 0
        """Offset up to which everything has been written to all connections that get live events."""
        self._waiting: dict[Receiver, int] = {}
        """Connections that may not have taken everything, and the round that they were sent a ping in."""
        self._ping = (0, b"")

    def ask(self, receiver: Receiver, offset: int) -> bytes:
        """A ping to follow the first events of a round; empty if an answer is outstanding.

        ``offset``: of the last of these events. To be called before that is noted as sent.
        """
        receiver.round = self.round
        if receiver.sent <= receiver.acknowledged:
            receiver.acknowledged = max(receiver.acknowledged, self.settled)
        page = receiver.page
        if page is not None and receiver.sent <= page.read:
            page.read = max(page.read, self.settled)
        return self._ask(receiver, offset)

    def write_past(self, receiver: Receiver, message: bytes, offset: int) -> None:
        """Write events of a replay, which is at ``offset`` with them."""
        if self.round:
            message += self._ask(receiver, offset)
        receiver.write(message)

    def ping(self, receiver: Receiver) -> bytes:
        """A ping for a connection that got no events; empty if there is nothing that it could acknowledge."""
        offset = self.arrived(receiver) if receiver.replay is None else 0
        return self._ask(receiver, offset) if self.round and offset else b""

    def answered(self, receiver: Receiver, payload: bytes) -> None:
        """Take a pong; one that nobody asked for says nothing."""
        asked = receiver.asked
        if asked and payload == b"%d" % abs(asked):
            receiver.asked = 0
            receiver.answers = True
            if asked > 0:
                receiver.acknowledged = asked

    def shown(self, receiver: Receiver) -> None:
        """A message came, which shows that its page runs."""
        if receiver.page is not None and self.round:
            receiver.page.shown(self.arrived(receiver), self.round)

    def rewind(self, receiver: Receiver, offset: int) -> None:
        """A replay begins at ``offset``: what was acknowledged or read beyond it does not count."""
        if receiver.page is not None:
            receiver.page.read = self.position(receiver)
            receiver.page.rewind(offset)
        receiver.acknowledged = min(self.arrived(receiver), offset)
        receiver.asked = -abs(receiver.asked)

    def position(self, receiver: Receiver) -> int:
        """Offset up to which a client certainly has taken everything that it was to get."""
        arrived = self.arrived(receiver)
        if receiver.page is None or receiver.sent <= receiver.page.read:
            return arrived
        return min(receiver.page.read, arrived)

    def arrived(self, receiver: Receiver) -> int:
        """Offset up to which everything has arrived where a client is."""
        if receiver.sent > receiver.acknowledged:
            return receiver.acknowledged
        if receiver.replay is not None:
            return receiver.replay.position
        return max(receiver.acknowledged, self.settled)

    def leaves_unanswered(self, receiver: Receiver) -> bool:
        """Whether a client seems to be one that never answers a ping."""
        asked_in = self._waiting.get(receiver, self.round)
        return bool(receiver.asked) and not receiver.answers and self.round - asked_in >= PATIENCE

    def forget(self, receiver: Receiver) -> None:
        """A connection has ended."""
        self._waiting.pop(receiver, None)

    def begin_round(self) -> list[Receiver]:
        """Ask again the connections that have not acknowledged everything.

        Returns all that may not have taken everything.
        """
        if not self.round:
            return []
        self.round += 1
        for receiver in list(self._waiting):
            if receiver.sent <= receiver.acknowledged:
                if receiver.page is None or receiver.sent <= receiver.page.read:
                    del self._waiting[receiver]
            elif not receiver.asked and receiver.replay is None:
                receiver.send(self._ask(receiver, max(receiver.sent, self.settled)))
        return list(self._waiting)

    def _ask(self, receiver: Receiver, offset: int) -> bytes:
        if not receiver.recoverable:
            return b""
        if receiver.asked:
            self._waiting.setdefault(receiver, self.round)
            return b""
        self._waiting[receiver] = self.round
        receiver.asked = offset
        if self._ping[0] != offset:
            self._ping = (offset, framing.ping(offset))
        return self._ping[1]
