"""Presences: short-lived records, one a user, of who is around and what they are up to."""

from __future__ import annotations

from typing import Final

from tidewire.services.operations import ServiceOperations

operations: Final = ServiceOperations("presences")
