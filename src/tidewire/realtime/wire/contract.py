"""The contract between a session and its wire: what each asks of the other.

A *wire* carries messages over one socket: WebSocket or Server-Sent Events. It knows nothing of projects,
users and subscriptions. A *session* knows who the client is and what its messages mean, and nothing of
frames. There is one of each for every connection.
"""

from __future__ import annotations

from typing import Final, Protocol

from websockets.http11 import Request

from tidewire.realtime.protocol.errors import MessageError
from tidewire.realtime.protocol.states import CloseStatus
from tidewire.realtime.receivers.receiver import Receiver
from tidewire.realtime.wire.write_queue import WriteQueue


class Wire(Protocol):
    """What a session asks of its wire. No method waits, and none raises because the client is gone."""

    @property
    def acknowledges(self) -> bool:
        """Whether the wire has pings, and clients that answer them."""

    def is_open(self) -> bool:
        """Whether messages can still be sent and received."""

    @property
    def congested(self) -> bool:
        """Whether what is sent has to wait, because the client reads more slowly or an answer comes first."""

    @property
    def queued_bytes(self) -> int:
        """How many bytes were sent that the kernel has not taken yet."""

    @property
    def peer(self) -> str:
        """The address that the socket is connected to; empty if it has none."""

    def send(self, framed: bytes) -> None:
        """Send event frames in the form of this wire, or close it if too much is queued already."""

    def write(self, framed: bytes) -> None:
        """Send event frames in the form of this wire, however much is queued already."""

    def send_text(self, *texts: bytes, position: str = "") -> None:
        """Send messages that are no events, in one write.

        ``position``: the place in the event log that they tell of.
        """

    def tell_position(self, position: str) -> None:
        """Have a client that resumes by itself know that it is not behind this place in the event log."""

    def refuse(self, error: MessageError) -> None:
        """Tell a client that is not admitted why, and close."""

    def close(self, status: CloseStatus, reason: str = "", told: str = "") -> None:
        """Close, and give the client a moment to answer.

        ``reason``: one word for the metrics. ``told``: what the close frame says besides the status.
        """

    def spend(self, units: float) -> None:
        """Count what a message of the client costs against the budget of the connection and its address."""

    def read_on(self) -> None:
        """Read what waits, and then what arrives, unless there is too much to do already."""

    def keep_back(self) -> WriteQueue | None:
        """Hold all that is sent from now on behind an answer that is being made, until :meth:`go_ahead`.

        Returns what comes before the answer, to be given back then.
        """

    def go_ahead(self, earlier: WriteQueue | None, answer: list[bytes]) -> None:
        """Send the messages of an answer, maybe none, and then what was kept back behind it."""

    def abort(self) -> None:
        """Drop the connection at once."""

    def all_has_arrived(self) -> bool:
        """Whether the client's machine has received everything that was sent, as far as TCP tells."""


class WireUser(Receiver):
    """What a wire asks of its session; here nothing becomes of anything, as after the end of a session."""

    __slots__ = ()

    def send(self, framed: bytes) -> None:
        """See :class:`Receiver`."""

    def tell(self, text: bytes) -> None:
        """See :class:`Receiver`."""

    def close(self, status: CloseStatus, reason: str = "") -> None:
        """See :class:`Receiver`."""

    def opened(self, request: Request, last_event: str | None = None) -> None:
        """Called once the client asked to connect.

        ``last_event``: the id of the last event that the client of an event stream has, empty without one;
        None on a wire over which the client can send messages.
        """

    def received(self, text: str) -> None:
        """Called for each message of the client."""

    def pong(self, payload: bytes) -> None:
        """Called for each answer to a ping."""

    def next_ping(self) -> bytes | None:
        """A ping frame that asks for an acknowledgement; empty: there is nothing to acknowledge.

        None: the answer to an earlier ping is outstanding.
        """
        return None

    def reached(self) -> str:
        """The position up to which the client was sent everything; empty if there is none to tell."""
        return ""

    def closed(self, reason: str) -> None:
        """Called when the server closes the connection, with one word that says why."""

    def held_up(self, limit: str) -> None:
        """Called when the client is not read for a while, because it reached a limit."""

    def ended(self) -> None:
        """Called when no message will come or be sent any more; perhaps more than once."""

    @property
    def is_unlimited(self) -> bool:
        """Whether the client may send as much as it likes."""
        return True

    @property
    def is_overloaded(self) -> bool:
        """Whether so many messages wait that nothing more is to be read for now."""
        return False


ENDED: Final = WireUser()
"""What a wire has in place of its session once its socket is gone, so that the two do not keep each other."""
