"""The avatars service: pictures of people, countries, programs and cards, and of what lies elsewhere."""

from __future__ import annotations

from typing import Final

from tidewire.services.operations import ServiceOperations

operations: Final = ServiceOperations("avatars")
