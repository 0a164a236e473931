"""The organization service: the projects of one organisation, for people and for organization keys."""

from __future__ import annotations

from tidewire.services.organization import projects
from tidewire.services.organization.declared import operations

__all__ = ["operations", "projects"]
