"""The locale service: countries, languages, currencies and phone codes, and where a client is."""

from __future__ import annotations

from tidewire.services.locale import client, countries, languages, money
from tidewire.services.locale.declared import operations

__all__ = ["client", "countries", "languages", "money", "operations"]
