"""The messaging service: messages to many people, by providers of the project."""

from __future__ import annotations

from typing import Final

from tidewire.services.operations import ServiceOperations

operations: Final = ServiceOperations("messaging")
