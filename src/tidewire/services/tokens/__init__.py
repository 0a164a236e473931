"""The tokens service: tokens that let whoever has them read a single file."""

from __future__ import annotations

from typing import Final

from tidewire.services.operations import ServiceOperations

operations: Final = ServiceOperations("tokens")
