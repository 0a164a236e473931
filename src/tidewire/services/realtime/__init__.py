"""The realtime service by REST: custom channels, open connections, explanations of deliveries."""

from __future__ import annotations

from typing import Final

from tidewire.services.operations import ServiceOperations

operations: Final = ServiceOperations("realtime")
"""Custom channels, and looking into realtime; these operations are Tidewire's own."""
