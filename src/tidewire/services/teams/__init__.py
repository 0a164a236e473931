"""The teams service: groups of users, who is in them and with which roles."""

from __future__ import annotations

from typing import Final

from tidewire.services.operations import ServiceOperations

operations: Final = ServiceOperations("teams")
