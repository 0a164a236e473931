"""Where the client of a request is."""

from __future__ import annotations

from tidewire.core.models import Locale
from tidewire.services.context import Context
from tidewire.services.countries import (
    CONTINENTS,
    EU_MEMBERS,
    UNKNOWN_CODE,
    continent_name,
    country_name,
)
from tidewire.services.locale import operations
from tidewire.services.locale.money import currency_of


@operations.declare("get", "GET", "/locale", scopes=("locale.read",))
async def get(context: Context) -> Locale:
    """Tell where the client is, as far as its address and the GeoIP file tell."""
    place = context.geoip.find(context.client.ip)
    continent = place.continent_code if place.continent_code in CONTINENTS else ""
    return Locale(
        ip=context.client.ip,
        country_code=place.country_code or UNKNOWN_CODE,
        country=country_name(place.country_code, context.locale),
        continent_code=continent or UNKNOWN_CODE,
        continent=continent_name(continent, context.locale),
        eu=place.country_code in EU_MEMBERS,
        currency=currency_of(place.country_code) if place.country_code else "",
        city=place.city,
        time_zone=place.time_zone,
        postal_code=place.postal_code,
        latitude=place.latitude,
        longitude=place.longitude,
        autonomous_system_number=place.autonomous_system_number,
        autonomous_system_organization=place.autonomous_system_organization,
        isp=place.isp,
        connection_type=place.connection_type,
        connection_usage_type=place.connection_usage_type,
        connection_organization=place.connection_organization,
    )
