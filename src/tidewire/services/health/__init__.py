"""The health service: whether the parts of this installation work, found out by using them."""

from __future__ import annotations

from tidewire.services.health import network, parts, queues, server
from tidewire.services.health.declared import operations

__all__ = ["network", "operations", "parts", "queues", "server"]
