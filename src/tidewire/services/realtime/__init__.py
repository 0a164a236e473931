"""Realtime, looked into: who is connected, and why an event reaches somebody or does not."""

from __future__ import annotations

from tidewire.services.realtime import inspecting
from tidewire.services.realtime.declared import operations

__all__ = ["inspecting", "operations"]
