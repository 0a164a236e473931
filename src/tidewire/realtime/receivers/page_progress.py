"""How far a page in a browser has read, judged by the messages that the page itself sends.

A browser receives for its pages in a process of its own. That process answers pings, and acknowledges to
TCP, while a page is frozen or kept for the way back, and throws away what it holds for the page when the page
wakes, or when the connection breaks. So neither shows what the page has read. What a page sends itself does:
SDKs send a text ``ping`` every 20 seconds, from a hidden tab once a minute at worst.

A message of a page shows that the page ran, not what it took before: a page that wakes may first send what
its timers were late with, and lose the connection before it takes what waits for it. So one message proves
nothing of what came before it. Two, :data:`APART`, prove that the page has read what its browser had
acknowledged when the first arrived:

* That was there when the page sent the first message, or a moment later; the page ran then, and ran when it
  sent the second over the same connection.
* Chromium ends the connection of a page that it froze or kept. So this page was not asleep between the two,
  and a page that is not asleep takes what is there within the time that the two are apart.
* A browser that stops a page and leaves its connection alone gives the page what waits when it goes on, in
  order. To lose some, the page must be stopped in the instant after the first message, and the connection
  break in the instant after the second.
"""

from __future__ import annotations

from typing import Final

APART: Final = 5
"""Rounds (:data:`tidewire.realtime.fanout.acknowledgements.ROUND_SECONDS`) between two messages that show
anything: several may have been sent in the same instant."""


class PageProgress:
    """How far a page has read."""

    __slots__ = ("_marked", "_round", "opened", "read")

    def __init__(self, opened: int) -> None:
        self.opened = opened
        """Offset of the newest event when it connected."""
        self.read = 0
        """Offset up to which the page has read everything."""
        self._marked = 0
        """What the browser had acknowledged when the last counted message came; the next proves it."""
        self._round = 0
        """The round in which that was."""

    def shown(self, arrived: int, current: int) -> None:
        """The page sent something in the round ``current``; its browser has everything up to ``arrived``."""
        if current - self._round >= APART:
            self.read = max(self.read, self._marked)
            self._marked, self._round = arrived, current

    def rewind(self, offset: int) -> None:
        """Forget what was read beyond ``offset``: it is sent again."""
        self.read = min(self.read, offset)
        self._marked = min(self._marked, offset)
