from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.services.client_info import ClientInfo, client_info

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0"


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML) Chrome/120.0.1.2 Safari/537.36",
            ClientInfo(
                os_code="WIN",
                os_name="Windows",
                os_version="10",
                client_type="browser",
                client_code="CH",
                client_name="Chrome",
                client_version="120.0",
                client_engine="Blink",
                client_engine_version="120.0.1.2",
                device_name="desktop",
            ),
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) {WEBKIT} Mobile/15E148 Safari/604.1",
            ClientInfo(
                os_code="IOS",
                os_name="iOS",
                os_version="17.0",
                client_type="browser",
                client_code="MF",
                client_name="Mobile Safari",
                client_version="17.0",
                client_engine="WebKit",
                client_engine_version="605.1.15",
                device_name="smartphone",
                device_brand="Apple",
                device_model="iPhone",
            ),
        ),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
            ClientInfo(
                os_code="UBT",
                os_name="Ubuntu",
                client_type="browser",
                client_code="FF",
                client_name="Firefox",
                client_version="121.0",
                client_engine="Gecko",
                client_engine_version="121.0",
                device_name="desktop",
            ),
        ),
        ("SomeProgram", ClientInfo()),
        ("", ClientInfo()),
    ],
)
def test_known_and_unknown_clients(user_agent: str, expected: ClientInfo) -> None:
    assert client_info(user_agent) == expected


@given(st.text(max_size=2000))
def test_nothing_a_client_sends_makes_it_fail(user_agent: str) -> None:
    assert isinstance(client_info(user_agent), ClientInfo)
