"""The teams service: groups of users, who is in them and with which roles."""

from __future__ import annotations

from tidewire.services.teams import acceptance, invitations, memberships, teams
from tidewire.services.teams.declared import operations

__all__ = ["acceptance", "invitations", "memberships", "operations", "teams"]
