"""The webhooks service: addresses that a project's events are sent to."""

from __future__ import annotations

from tidewire.services.webhooks import webhooks
from tidewire.services.webhooks.declared import operations

__all__ = ["operations", "webhooks"]
