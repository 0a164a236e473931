"""Realtime: connections, matching and delivery of events over WebSocket."""

from tidewire.realtime.engine import Realtime

__all__ = ["Realtime"]
