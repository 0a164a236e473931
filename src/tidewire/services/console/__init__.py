"""The console service: what consoles and tools ask about the server itself."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("console")
