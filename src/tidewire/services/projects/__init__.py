"""The projects service: what people of the console do with the projects of their organisations."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("projects")
