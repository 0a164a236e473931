"""The project service: what belongs to a project, and how it behaves."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("project")
