"""Requests and their answers on an HTTP connection, written in one piece where the answer is whole."""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_LINE: Final = b"%b: %b\r\n"
_BODILESS: Final = frozenset({204, 304})
"""Statuses of answers that have no body, and need not say so."""
LARGE_ANSWER: Final = 64 * 1024
"""Bytes from which on an answer is written beside its head instead of being copied behind it."""
BROKEN_OFF: Final = "tidewire.broken_off"
"""The type of a message that stands in place of the rest of an answer which cannot be had. The connection is
closed, and its client sees by the length that the answer is incomplete. Whoever sends it logs why."""
ANSWER: Final = "tidewire.answer"
"""The type of a message with a whole answer: its status, its headers with its length, and its body."""
PIECES: Final = "tidewire.pieces"
"""The key of the body in pieces, in the message with the body of an answer. The pieces are written without
being joined where the answer can be written at once."""


class Cycle(RequestResponseCycle):
    """A request and its answer, which is written in one piece if the application has it whole.

    That is less work for the system and for us: one packet, and no look at each header by itself.
    """

    _head: Any = None

    @classmethod
    def take_over(cls, cycle: RequestResponseCycle) -> None:
        """Make a cycle of uvicorn's one of these; uvicorn has no setting for the class that it makes."""
        if type(cycle) is RequestResponseCycle:
            cycle.__class__ = cls

    async def send(self, message: Any) -> None:
        kind = message["type"]
        if kind == ANSWER:
            if self._write_whole(message, message):
                return
            head = {"type": "http.response.start", "status": message["status"], "headers": message["headers"]}
            await super().send(head)  # type: ignore[arg-type]
            message = {**message, "type": "http.response.body"}
        elif kind == BROKEN_OFF:
            self.response_complete = True
            self.message_event.set()
            self.transport.close()
            return
        elif kind == "http.response.start" and self._head is None:
            self._head = message
            return
        elif self._head is not None:
            head, self._head = self._head, None
            if self._write_whole(head, message):
                return
            await super().send(head)
        if PIECES in message:
            # One by one they would wait for the client to read, and hold the room of large lists meanwhile.
            message = {"type": message["type"], "body": b"".join(message[PIECES])}
        await super().send(message)

    def _write_whole(self, head: Any, message: Any) -> bool:
        """Write an answer; False: there is something about it that uvicorn has to look at."""
        pieces = message.get(PIECES) or (message.get("body", b""),)
        status, headers = head["status"], self.default_headers + head["headers"]
        size = sum(map(len, pieces))
        if (
            message.get("more_body")
            or ((size or status not in _BODILESS) and (b"content-length", b"%d" % size) not in headers)
            or self.disconnected
            or self.flow.write_paused
            or self.access_log
            or self.scope["method"] == "HEAD"
        ):
            return False
        lines = len(headers)
        text = (_LINE * lines) % (*chain.from_iterable(headers),)
        if text.count(b"\n") > lines or text.count(b"\r") > lines or b"connection" in text:
            return False
        if not self.keep_alive:
            text += b"connection: close\r\n"
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        if size < LARGE_ANSWER:
            self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[status], text, b"".join(pieces)))
        else:
            self.transport.writelines([STATUS_LINE[status], text, b"\r\n", *pieces])
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True
