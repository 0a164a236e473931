"""Realtime by REST: custom channels, who is connected, and why an event reaches somebody or does not."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("realtime")
"""Custom channels, and looking into realtime; these operations are Tidewire's own."""
