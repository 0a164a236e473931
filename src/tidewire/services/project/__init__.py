"""The project service: what belongs to a project, and how it behaves."""

from __future__ import annotations

from typing import Final

from tidewire.services.operations import ServiceOperations

operations: Final = ServiceOperations("project")
