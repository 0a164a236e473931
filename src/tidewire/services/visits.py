"""Visits: from where and with which program a request was made, as sessions and the audit log keep it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Final

from tidewire.services.client_info import MAXIMUM_LENGTH, ClientInfo, client_info
from tidewire.services.context import Context
from tidewire.services.countries import UNKNOWN_CODE, country_name
from tidewire.services.messages.mails import Device

_REMEMBERED: Final = 2048
"""User agents whose description is kept."""


@dataclass(frozen=True)
class Visit:
    """The circumstances of a request."""

    ip: str
    user_agent: str
    client: ClientInfo
    country_code: str = ""
    country_name: str = ""

    def columns(self) -> dict[str, Any]:
        """The values of the columns that rows of sessions and of the audit log have in common."""
        return {
            "ip": self.ip,
            "user_agent": self.user_agent,
            "country_code": self.country_code,
            "country_name": self.country_name,
            **asdict(self.client),
        }

    @property
    def device(self) -> str:
        """Browser and system, as people call them; empty if neither is known."""
        return " on ".join(name for name in (self.client.client_name, self.client.os_name) if name)

    @property
    def agent(self) -> Device:
        """What mails tell of the program."""
        return Device(self.client.client_name, self.client.os_name, self.client.device_name)


async def visit_of(context: Context) -> Visit:
    """Describe the client of the request."""
    agent = context.client.user_agent
    # Matching takes long for the first user agent and for odd ones: not on the event loop.
    described = await asyncio.to_thread(_described, agent[:MAXIMUM_LENGTH])
    country = context.geoip.find(context.client.ip).country_code
    return Visit(
        context.client.ip,
        agent,
        described,
        country_code=country.lower() or UNKNOWN_CODE,
        country_name=country_name(country, context.locale),
    )


@lru_cache(maxsize=_REMEMBERED)
def _described(user_agent: str) -> ClientInfo:
    return client_info(user_agent)
