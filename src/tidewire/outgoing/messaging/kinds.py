"""The couriers of all kinds of providers."""

from __future__ import annotations

from collections.abc import Mapping

from tidewire.outbound.guard import Guard
from tidewire.outgoing.messaging.couriers import Courier
from tidewire.outgoing.messaging.smtp import SmtpCourier
from tidewire.settings import Settings


def couriers_of(settings: Settings, guard: Guard) -> Mapping[str, Courier]:
    """The couriers by the kind of provider."""
    return {"smtp": SmtpCourier(guard, settings.hostnames[0])}
