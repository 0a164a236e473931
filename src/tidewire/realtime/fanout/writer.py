"""Writing event frames to connections: to their sockets if the fast path is open, else to their
transports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog

from tidewire.realtime.fanout.acknowledgements import Acknowledgements
from tidewire.realtime.receivers.receiver import Receiver, give_up
from tidewire.realtime.receivers.scatter import scatter

Around = tuple[bytes, bytes]
"""The shared head and the shared end around the tail of every receiver."""

_AS_THEY_ARE: Final[Sequence[Around]] = [(b"", b"")]

_log: Final = structlog.get_logger(__name__)


class Writer:
    """Writes the events of a project; a ping follows the first events of a round of acknowledgements."""

    def __init__(self, acknowledgements: Acknowledgements) -> None:
        self._acknowledgements = acknowledgements

    def write_all(self, receivers: Sequence[Receiver], messages: Sequence[bytes], offset: int) -> None:
        """Write to each connection frames of its own, the last of them that of the event at ``offset``.

        An offset of 0: the event is in no log. A connection for which writing fails is given up.
        """
        self.write(receivers, messages, 0, len(receivers), None, _AS_THEY_ARE, offset)

    def write(
        self,
        receivers: Sequence[Receiver],
        tails: Sequence[bytes],
        start: int,
        stop: int,
        done: bytearray | None,
        around: Sequence[Around],
        offset: int,
    ) -> None:
        """Write frames that differ in their tails only; the arguments are those of :func:`scatter`."""
        asked: dict[bytes, list[int]] = {}
        current = self._acknowledgements.round
        for place, taken in scatter(receivers, tails, start, stop, done, around, current, offset):
            if taken < 0:
                asked.setdefault(self._ask(receivers[place], offset), []).append(place)
            else:
                _write_rest(receivers[place], _message(tails[place], around), taken)
        for ping, places in asked.items():
            others, own = [receivers[place] for place in places], [tails[place] for place in places]
            *before, (head, end) = around
            followed = [*before, (head, end + ping)]
            for place, taken in scatter(others, own, 0, len(own), None, followed, current, offset):
                _write_rest(others[place], _message(own[place], followed), taken)

    def _ask(self, receiver: Receiver, offset: int) -> bytes:
        """The ping that follows the first events of a round; from then on the fast path is open."""
        ping = b""
        if offset:
            current = self._acknowledgements.round
            if receiver.round != current:
                ping = self._acknowledgements.ask(receiver, offset)
            receiver.sent = offset
            if receiver.direct and receiver.descriptor >= 0:
                receiver.fast_round = current
        return ping


def _message(tail: bytes, around: Sequence[Around]) -> bytes:
    return b"".join([part for head, end in around for part in (head, tail, end)])


def _write_rest(receiver: Receiver, message: bytes, taken: int) -> None:
    """Write what the socket has not taken; -1: the socket was not tried."""
    try:
        if taken >= 0:
            receiver.transport.write(message[taken:])
        elif receiver.direct:
            receiver.transport.write(message)
        else:
            receiver.send(message)
    except Exception:
        _log.exception("events not delivered to a connection")
        give_up(receiver)
