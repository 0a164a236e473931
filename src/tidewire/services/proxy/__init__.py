"""The proxy service: domains that lead to functions, and to the API of a project."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("proxy")
