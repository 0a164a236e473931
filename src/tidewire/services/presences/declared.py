"""The list that the presences operations are declared in."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("presences")
"""The presences service: who is around."""
