"""Presences: short-lived records, one a user, of who is around and what they are up to."""

from __future__ import annotations

from tidewire.services.presences import reading, writing
from tidewire.services.presences.declared import operations

__all__ = ["operations", "reading", "writing"]
