"""Channels and queries in the URL."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from tests.vectors import Case, load_cases
from tidewire.core.query_string import parse_query_string
from tidewire.core.realtime_queries import normal_form
from tidewire.realtime.protocol.errors import MessageError
from tidewire.realtime.protocol.request import read_inputs
from tidewire.realtime.protocol.url_subscriptions import read_url_subscriptions

BETTER_CODE = {"select of one attribute": 1008}
"""Answered like any other wrong query."""


@pytest.mark.parametrize("case", load_cases("handshake_url"))
def test_vectors(case: Case) -> None:
    parameters = parse_query_string(case["query_string"])
    expected = case["expected"]
    if expected["mode"] == "error":
        with pytest.raises(MessageError) as caught:
            read_url_subscriptions(parameters, case["userId"], extended_queries=False)
        assert caught.value.code == BETTER_CODE.get(case["name"], expected["code"])
        return
    wanted = read_url_subscriptions(parameters, case["userId"], extended_queries=False)
    assert wanted.channels == expected["channels"]
    assert [
        {
            "slot": slot.name,
            "channels": slot.channels,
            "queries": [json.loads(normal_form(query)) for query in slot.queries],
        }
        for slot in wanted.slots
    ] == expected["subscriptions"]


@pytest.mark.parametrize(
    "text",
    [
        "channels[][]=a",
        "channels[a][b]=c",
        "channels[]=files&files[1][][]=x",
        "channels[]=files&files[1][a][b]=x",
        "channels[]=files&files[1][]=[]",
    ],
)
def test_wrong_shapes_are_refused(text: str) -> None:
    with pytest.raises(MessageError):
        read_url_subscriptions(parse_query_string(text), "")


@pytest.mark.parametrize("names", [False, True])
def test_what_was_encoded_twice_is_read_as_if_once(names: bool) -> None:
    """As from older SDKs for Apple on newer systems, which encode what is encoded already."""
    equal = '{"method":"equal","attribute":"name","values":["50% é","a&b=c"]}'
    queries = (equal, equal, '{"method":"isNull"}')
    slots = "".join(f"&files%5B0%5D%5B%5D={quote(query, safe='')}" for query in queries)
    twice = "&".join(
        (name.replace("%", "%25") if names else name) + equals + value.replace("%", "%25")
        for name, equals, value in (pair.partition("=") for pair in slots.split("&"))
    )
    for query_string in (f"project=p&channels[]=files{slots}", f"project=p&channels[]=files{twice}"):
        request = Request(f"/v1/realtime?{query_string}", Headers())
        inputs = read_inputs(request, "127.0.0.1", None)
        wanted = read_url_subscriptions(inputs.parameters, "")
        assert [query.method for query in wanted.slots[0].queries] == ["equal", "equal", "isNull"]
        assert wanted.slots[0].queries[0].values == ("50% é", "a&b=c")


def test_long_urls_are_read_to_their_end() -> None:
    """As long as SDKs may make them."""
    query = "%7B%22method%22%3A%22select%22%2C%22values%22%3A%5B%22*%22%5D%7D"
    channels = "".join(f"&channels[]=c{number}" for number in range(600))
    queries = "".join(f"&c{number}[{number + 1}][]={query}" for number in range(600))
    wanted = read_url_subscriptions(parse_query_string(f"project=p{channels}{queries}"), "")
    assert [slot.name for slot in wanted.slots] == [str(number + 1) for number in range(600)]
