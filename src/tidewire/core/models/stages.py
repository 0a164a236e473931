"""Models of a project's onboarding."""

from __future__ import annotations

from tidewire.core.models.base import Model


class Stage(Model, frozen=True, kw_only=True):
    """Something that people do first in a project."""

    id: str
    sdk: str
    """The operation, as SDKs name it; the same as the id."""
    status: str
    """``pending``, ``completed`` or ``skipped``."""
    at: str
    actor_type: str


class StageList(Model, frozen=True, kw_only=True):
    """All stages of a project's onboarding."""

    stages: list[Stage]
