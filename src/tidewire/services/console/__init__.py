"""The console service: what consoles and tools ask about the server itself."""

from __future__ import annotations

from tidewire.services.console import console
from tidewire.services.console.declared import operations

__all__ = ["console", "operations"]
