"""The progress of this process in the event log of a project."""

from __future__ import annotations

from typing import Any


class LogProgress:
    """Positions in one event log, which the hub, its feed and recovery share. All of them are 0 without a
    log."""

    def __init__(self) -> None:
        self.epoch = ""
        """Names the history of offsets that the log has; empty without a log."""
        self.received: int = 0
        """Offset of the newest event known. Subscriptions that are made now get later events only."""
        self.matched = 0
        """Offset of the last event that was matched with connections as it happened."""

    @property
    def position(self) -> dict[str, Any]:
        """The newest position, as clients are told it; nothing without a log."""
        return {"offset": self.received, "epoch": self.epoch} if self.epoch else {}
