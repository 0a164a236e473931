"""The users service: servers manage the users of their project."""

from __future__ import annotations

from typing import Final

from tidewire.services.operations import ServiceOperations

operations: Final = ServiceOperations("users")
