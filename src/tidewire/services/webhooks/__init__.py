"""The webhooks service: addresses that a project's events are sent to."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("webhooks")
