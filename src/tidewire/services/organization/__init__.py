"""The organization service: the projects of one organisation, for people and for organization keys."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("organization")
