"""Channels and queries in the URL."""

from __future__ import annotations

import json

import pytest

from tests.vectors import Case, load_cases
from tidewire.core.query_string import parse_query_string
from tidewire.core.realtime_queries import normal_form
from tidewire.realtime.messages import MessageError
from tidewire.realtime.url_subscriptions import read_url_subscriptions

BETTER_CODE = {"select of one attribute": 1008}
"""Answered like any other wrong query (realtime-queries, section 2)."""


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
