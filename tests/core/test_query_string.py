"""Query strings."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import Case, load_cases
from tidewire.core.query_string import MAX_BRACKETS, MAX_NESTING, MAX_PARAMETERS, parse_query_string


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("", {}),
        ("&&=1&", {}),
        ("a", {"a": ""}),
        ("a=1&a=2", {"a": "2"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=%20+%2B%C5%BC", {"a": "  +ż"}),
        ("a=%ff%zz", {"a": "�%zz"}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a%5B%5D=1&a%5b%5d=2", {"a": ["1", "2"]}),
        ("a[0]=1&a[1]=2", {"a": ["1", "2"]}),
        ("a[1]=2&a[0]=1", {"a": ["1", "2"]}),
        ("a[0]=1&a[5]=2&a[]=3", {"a": {"0": "1", "5": "2", "6": "3"}}),
        ("a[1][]=x&a[1][]=y", {"a": {"1": ["x", "y"]}}),
        ("a[k][l]=1&a[m]=2", {"a": {"k": {"l": "1"}, "m": "2"}}),
        ("a[01]=1", {"a": {"01": "1"}}),
        ("a.b c[x.y z]=1", {"a_b_c": {"x.y z": "1"}}),
        (" a=1", {"a": "1"}),
        ("[a]=1", {}),
        ("a[b=1", {"a_b": "1"}),
        ("a[b]c=1", {"a": {"b": "1"}}),
        ("a[b][c=1", {"a": {"b": "1"}}),
        ("a=1&a[]=2", {"a": ["2"]}),
        ("a[]=2&a=1", {"a": "1"}),
        ("a[999999999999999999999]=1&a[]=2", {"a": {"999999999999999999999": "1", "0": "2"}}),
    ],
)
def test_rules(text: str, parameters: dict[str, Any]) -> None:
    assert parse_query_string(text) == parameters


def test_parameters_beyond_the_limit_are_ignored() -> None:
    assert len(parse_query_string("&".join(f"a{n}=1" for n in range(MAX_PARAMETERS + 5)))) == MAX_PARAMETERS


def test_names_that_nest_too_deep_are_ignored() -> None:
    assert parse_query_string("a" + "[]" * MAX_NESTING + "=1") == {}
    assert parse_query_string("a" + "[]" * (MAX_NESTING - 1) + "=1")["a"]
    assert parse_query_string("a" + "[" * 100_000 + "=1") == {"a" + "_" * 100_000: "1"}
    assert parse_query_string("a" + "[]" * 100_000 + "=1&b=2") == {"b": "2"}


def test_brackets_beyond_the_limit_are_ignored() -> None:
    """A few kilobytes of them would take as long as many requests."""
    parameters = parse_query_string("&".join(f"a{n}{'[]' * 60}=1" for n in range(2000)))
    assert MAX_BRACKETS // 61 <= len(parameters) <= (MAX_BRACKETS + MAX_PARAMETERS) // 61


@pytest.mark.parametrize("case", load_cases("handshake_url"))
def test_channels_and_queries_of_a_handshake_are_found(case: Case) -> None:
    if case["expected"]["mode"] == "error":
        return
    parameters = parse_query_string(case["query_string"])
    asked = parameters.get("channels", [])
    assert isinstance(asked, list)
    for subscription in case["expected"]["subscriptions"]:
        for channel in set(subscription["channels"]) & set(asked):
            slots = parameters.get(channel.replace(".", "_"), {})
            if isinstance(slots, dict) and slots:
                assert subscription["slot"] in slots


PLAIN = st.text(st.characters(exclude_characters="[]. ", exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(st.dictionaries(PLAIN, st.one_of(st.text(max_size=8), st.lists(st.text(max_size=8), min_size=1))))
def test_what_clients_write_is_read_back(parameters: dict[str, str | list[str]]) -> None:
    pairs = []
    for name, value in parameters.items():
        if isinstance(value, list):
            pairs += [(f"{name}[{index}]", element) for index, element in enumerate(value)]
        else:
            pairs.append((name, value))
    assert parse_query_string(urlencode(pairs, quote_via=quote)) == parameters


@given(st.text(st.sampled_from("ab[]=&.%+ 01é"), max_size=60))
def test_nothing_raises(text: str) -> None:
    parse_query_string(text)
