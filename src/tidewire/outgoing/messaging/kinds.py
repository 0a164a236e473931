"""The couriers of all kinds of providers."""

from __future__ import annotations

from collections.abc import Mapping

from tidewire.outbound.guard import Guard
from tidewire.outbound.http import OutboundHttp
from tidewire.outgoing.messaging.couriers import Courier
from tidewire.outgoing.messaging.http import HttpCourier
from tidewire.outgoing.messaging.http_providers import HTTP_PROVIDERS
from tidewire.outgoing.messaging.push import ApnsCourier, FcmCourier
from tidewire.outgoing.messaging.smtp import SmtpCourier
from tidewire.settings import Settings


def couriers_of(
    settings: Settings, guard: Guard, http: OutboundHttp, to_operator: OutboundHttp
) -> Mapping[str, Courier]:
    """The couriers by the kind of provider; ``to_operator`` may call what the operator names."""
    own = dict(named.split("=", 1) for named in settings.messaging_endpoints)
    seconds = settings.messaging_timeout

    def by(kind: str) -> OutboundHttp:
        return to_operator if kind in own else http

    return {
        "smtp": SmtpCourier(guard, settings.hostnames[0]),
        "fcm": FcmCourier(by("fcm"), seconds, own.get("fcm", "")),
        "apns": ApnsCourier(by("apns"), seconds, own.get("apns", "")),
        **{
            kind: HttpCourier(provider, by(kind), seconds, own.get(kind, ""))
            for kind, provider in HTTP_PROVIDERS.items()
        },
    }
