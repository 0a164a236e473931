"""The health service: whether the parts of this installation work, found out by using them."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("health")
