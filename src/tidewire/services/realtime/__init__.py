"""Realtime by REST: custom channels, who is connected, and why an event reaches somebody or does not."""

from __future__ import annotations

from tidewire.services.realtime import channel_rules, events, inspecting, members, messages
from tidewire.services.realtime.declared import operations

__all__ = ["channel_rules", "events", "inspecting", "members", "messages", "operations"]
