"""The projects service: what people of the console do with the projects of their organisations."""

from __future__ import annotations

from tidewire.services.projects import dev_keys, mock_numbers, projects
from tidewire.services.projects.declared import operations

__all__ = ["dev_keys", "mock_numbers", "operations", "projects"]
