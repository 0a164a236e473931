"""The locale service: countries, languages, currencies and phone codes, and where a client is."""

from __future__ import annotations

from typing import Final

from tidewire.core.operations import Operations

operations: Final = Operations("locale")
