"""Locations of IP addresses, looked up in a MaxMind DB file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import maxminddb


class GeoIpError(OSError):
    """The file cannot be used; the text says which and why."""


@dataclass(frozen=True)
class GeoLocation:
    """What a file tells of an address; None or empty where it tells nothing."""

    country_code: str = ""
    """ISO 3166-1 alpha-2, upper case."""
    continent_code: str = ""
    """Two letters, upper case."""
    city: str | None = None
    time_zone: str | None = None
    postal_code: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    autonomous_system_number: str | None = None
    autonomous_system_organization: str | None = None
    isp: str | None = None
    connection_type: str | None = None
    connection_usage_type: str | None = None
    connection_organization: str | None = None


NOWHERE: Final = GeoLocation()


class GeoIp:
    """Looks up addresses; without a file it finds none."""

    def __init__(self, file: str = "") -> None:
        """Open ``file``, empty for none. Raises :class:`GeoIpError`."""
        self._reader: maxminddb.Reader | None = None
        if file:
            import maxminddb  # here, because most installations do without it

            try:
                self._reader = maxminddb.open_database(Path(file))
            except (OSError, maxminddb.InvalidDatabaseError) as error:
                raise GeoIpError(f"cannot use the GeoIP file {file}: {error}") from None

    @property
    def available(self) -> bool:
        """Whether there is a file."""
        return self._reader is not None

    def find(self, ip: str) -> GeoLocation:
        """The location of an address; :data:`NOWHERE` if it is not known, or the text is no address."""
        if self._reader is None:
            return NOWHERE
        try:
            record = self._reader.get(ip)
        except (ValueError, RuntimeError):
            return NOWHERE  # no address, or a damaged file
        return _place(record) if isinstance(record, dict) else NOWHERE

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()


def _place(record: Mapping[str, Any]) -> GeoLocation:
    location, traits = _section(record, "location"), _section(record, "traits")
    return GeoLocation(
        country_code=(_text(_section(record, "country"), "iso_code") or "").upper(),
        continent_code=(_text(_section(record, "continent"), "code") or "").upper(),
        city=_text(_section(_section(record, "city"), "names"), "en"),
        time_zone=_text(location, "time_zone"),
        postal_code=_text(_section(record, "postal"), "code"),
        latitude=_number(location, "latitude"),
        longitude=_number(location, "longitude"),
        autonomous_system_number=_text(traits, "autonomous_system_number"),
        autonomous_system_organization=_text(traits, "autonomous_system_organization"),
        isp=_text(traits, "isp"),
        connection_type=_text(traits, "connection_type"),
        connection_usage_type=_text(traits, "user_type"),
        connection_organization=_text(traits, "organization"),
    )


def _section(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _text(record: Mapping[str, Any], name: str) -> str | None:
    value = record.get(name)
    return str(value) if isinstance(value, (str, int)) else None


def _number(record: Mapping[str, Any], name: str) -> float | None:
    value = record.get(name)
    return float(value) if isinstance(value, (int, float)) else None
