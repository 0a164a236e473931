"""The locale service over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from tests.support.api import running_api
from tests.support.responses import checked_client
from tidewire.core.locales import LOCALE_CODES
from tidewire.services import ALL_OPERATIONS
from tidewire.services.geoip import GeoIp, GeoIpError
from tidewire.settings import Settings

BERLIN = {
    "country": {"iso_code": "DE"},
    "continent": {"code": "EU"},
    "city": {"names": {"en": "Berlin", "de": "Berlin"}},
    "location": {"latitude": 52.5, "longitude": 13.4, "time_zone": "Europe/Berlin"},
    "postal": {"code": "10115"},
    "traits": {"autonomous_system_number": 64500, "isp": "Example Net"},
}


def get(client: httpx.Client, path: str, locale: str = "", ip: str = "203.0.113.7") -> dict[str, Any]:
    headers = {"X-Appwrite-Locale": locale} if locale else {}
    answer = client.get(f"/v1/locale{path}", headers={**headers, "X-Forwarded-For": ip})
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture(scope="module")
def geoip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GeoIP file that knows two networks kept for documentation."""
    writer = MMDBWriter(6, "Test-City", languages=["en"], ipv4_compatible=True, float_type="f64")
    writer.insert_network(IPSet(["198.51.100.0/24"]), BERLIN)
    writer.insert_network(IPSet(["192.0.2.0/24"]), {"country": {"iso_code": "ch"}})
    file = tmp_path_factory.mktemp("geoip") / "places.mmdb"
    writer.to_db_file(str(file))
    return file


@pytest.fixture(scope="module")
def located(tmp_path_factory: pytest.TempPathFactory, geoip_file: Path) -> Iterator[httpx.Client]:
    """A client of an API that has the GeoIP file."""
    settings = Settings(
        data_dir=str(tmp_path_factory.mktemp("located")),
        synchronous="normal",
        trusted_proxies=True,
        rate_limits=False,
        geoip_file=str(geoip_file),
    )
    with (
        running_api(settings, ALL_OPERATIONS) as server,
        checked_client(base_url=server.url, headers={"X-Appwrite-Project": server.project}) as client,
    ):
        yield client


def test_nobody_knows_where(client: httpx.Client) -> None:
    answer = get(client, "")
    assert answer["ip"] == "203.0.113.7"
    assert (answer["countryCode"], answer["country"]) == ("--", "Unknown")
    assert (answer["continentCode"], answer["continent"]) == ("--", "Unknown")
    assert (answer["eu"], answer["currency"], answer["city"]) == (False, "", None)


def test_place_of_a_client(located: httpx.Client) -> None:
    answer = get(located, "", ip="198.51.100.9")
    assert (answer["countryCode"], answer["country"], answer["eu"]) == ("DE", "Germany", True)
    assert (answer["continentCode"], answer["continent"]) == ("EU", "Europe")
    assert (answer["currency"], answer["city"], answer["timeZone"]) == ("EUR", "Berlin", "Europe/Berlin")
    assert (answer["latitude"], answer["longitude"], answer["postalCode"]) == (52.5, 13.4, "10115")
    assert (answer["autonomousSystemNumber"], answer["isp"]) == ("64500", "Example Net")
    assert get(located, "", "fr", ip="198.51.100.9")["country"] == "Allemagne"
    swiss = get(located, "", ip="192.0.2.1")
    assert (swiss["countryCode"], swiss["eu"], swiss["currency"]) == ("CH", False, "CHF")
    assert get(located, "", ip="203.0.113.7")["countryCode"] == "--"
    assert get(located, "", ip="2001:db8::1")["countryCode"] == "--"


def test_sessions_know_their_country(located: httpx.Client) -> None:
    answer = located.post("/v1/account/sessions/anonymous", headers={"X-Forwarded-For": "198.51.100.9"})
    assert (answer.json()["countryCode"], answer.json()["countryName"]) == ("de", "Germany")
    located.cookies.clear()
    answer = located.post("/v1/account/sessions/anonymous", headers={"X-Forwarded-For": "203.0.113.7"})
    assert (answer.json()["countryCode"], answer.json()["countryName"]) == ("--", "Unknown")
    located.cookies.clear()


@pytest.mark.parametrize("ip", ["", "nonsense", "1.2.3", "999.1.1.1", "::ffff:198.51.100.9"])
def test_odd_addresses_are_nowhere(geoip_file: Path, ip: str) -> None:
    geoip = GeoIp(str(geoip_file))
    geoip.find(ip)
    geoip.close()


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(GeoIpError, match="missing"):
        GeoIp(str(tmp_path / "missing.mmdb"))
    (tmp_path / "broken.mmdb").write_bytes(b"nonsense")
    with pytest.raises(GeoIpError, match="broken"):
        GeoIp(str(tmp_path / "broken.mmdb"))


def test_countries(client: httpx.Client) -> None:
    answer = get(client, "/countries")
    assert answer["total"] == len(answer["countries"]) == 249
    assert answer["countries"][0] == {"name": "Afghanistan", "code": "AF"}
    german = {country["code"]: country["name"] for country in get(client, "/countries", "de")["countries"]}
    assert german["AT"] == "Österreich"
    union = get(client, "/countries/eu")
    assert union["total"] == 27
    assert union["countries"][0] == {"name": "Austria", "code": "AT"}


def test_continents(client: httpx.Client) -> None:
    assert [continent["code"] for continent in get(client, "/continents")["continents"]] == [
        "AF", "AN", "AS", "EU", "NA", "OC", "SA",
    ]  # fmt: skip


def test_phones(client: httpx.Client) -> None:
    phones = get(client, "/countries/phones")["phones"]
    assert phones[0] == {"code": "+1", "countryCode": "US", "countryName": "United States"}
    codes = {phone["countryCode"]: phone["code"] for phone in phones}
    assert (codes["DE"], codes["CA"], codes["GB"]) == ("+49", "+1", "+44")


def test_currencies(client: httpx.Client) -> None:
    currencies = {currency["code"]: currency for currency in get(client, "/currencies")["currencies"]}
    assert currencies["USD"] == {
        "symbol": "$",
        "name": "US Dollar",
        "symbolNative": "$",
        "decimalDigits": 2,
        "rounding": 0,
        "code": "USD",
        "namePlural": "US dollars",
    }
    assert currencies["JPY"]["decimalDigits"] == 0
    assert currencies["DKK"]["symbolNative"] == "kr."
    assert all(currency["symbolNative"].strip("\u200b") for currency in currencies.values())


def test_languages(client: httpx.Client) -> None:
    languages = {language["code"]: language for language in get(client, "/languages")["languages"]}
    assert len(languages) > 180
    assert languages["fr"] == {"code": "fr", "name": "French", "nativeName": "Français"}
    assert get(client, "/languages", "fr")["languages"] != get(client, "/languages")["languages"]


def test_codes(client: httpx.Client) -> None:
    codes = get(client, "/codes")["localeCodes"]
    assert [code["code"] for code in codes] == list(LOCALE_CODES)
    assert all(code["name"] for code in codes)
    assert {"code": "pt-br", "name": "Portuguese (Brazil)"} in codes


@pytest.mark.parametrize("locale", ["xx", "../en", "en-US-nonsense", "é"])
def test_unknown_locales_are_english(client: httpx.Client, locale: str) -> None:
    answer = client.get("/v1/locale/countries", headers=[(b"X-Appwrite-Locale", locale.encode())])
    assert answer.json()["countries"][0]["name"] == "Afghanistan"


@pytest.mark.parametrize("locale", LOCALE_CODES)
def test_every_locale_has_names(client: httpx.Client, locale: str) -> None:
    for path, items in (("/countries", "countries"), ("/currencies", "currencies")):
        assert all(item["name"] for item in get(client, path, locale)[items])
