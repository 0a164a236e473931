"""The project service: what belongs to a project, and how it behaves."""

from __future__ import annotations

from tidewire.services.project import (
    ephemeral_keys,
    keys,
    mock_phones,
    native_platforms,
    platforms,
    policies,
    policy_models,
    project,
    smtp,
    switches,
    web_platforms,
)
from tidewire.services.project.declared import operations

__all__ = [
    "ephemeral_keys",
    "keys",
    "mock_phones",
    "native_platforms",
    "operations",
    "platforms",
    "policies",
    "policy_models",
    "project",
    "smtp",
    "switches",
    "web_platforms",
]
