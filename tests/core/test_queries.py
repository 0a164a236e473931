"""The form of queries."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.core.queries import MAX_CONDITIONS, MAX_NESTING, METHODS, InvalidQueryError, Query, parse_query


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ('{"method":"limit","values":[25]}', Query("limit", "", (25,))),
        ('{"method":"orderAsc","attribute":"name"}', Query("orderAsc", "name", ())),
        ('{"method":"isNull","attribute":"a","values":null}', Query("isNull", "a", ())),
        ('{"method":"equal","attribute":"a","values":{"x":1,"y":2}}', Query("equal", "a", (1, 2))),
        ('{"method":"equal","attribute":null,"values":[1],"x":2}', Query("equal", "", (1,))),
        (
            '{"method":"or","values":[{"method":"equal","attribute":"a","values":["x"]}]}',
            Query("or", "", (Query("equal", "a", ("x",)),)),
        ),
    ],
)
def test_reading(text: str, query: Query) -> None:
    assert parse_query(text) == query


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "valid JSON"),
        ("limit(25)", "valid JSON"),
        ("\ud800", "valid JSON"),
        ("[" * 100_000, "valid JSON"),
        ('{"method":"limit","values":[1e999]}', "valid JSON"),
        ("[]", "a JSON object"),
        ("null", "a JSON object"),
        ("{}", r"Unknown query method: \(none\)"),
        ('{"method":"covers"}', "Unknown query method: covers"),
        ('{"method":5}', "method of a query must be a string"),
        ('{"method":"equal","attribute":[]}', "attribute of the query equal must be a string"),
        ('{"method":"equal","values":"x"}', "values of the query equal must be an array"),
        ('{"method":"and","values":["x"]}', "a JSON object"),
    ],
)
def test_what_is_wrong_is_said(text: str, reason: str) -> None:
    with pytest.raises(InvalidQueryError, match=reason):
        parse_query(text)


def nested(levels: int) -> str:
    return '{"method":"and","values":[' * (levels - 1) + '{"method":"limit"}' + "]}" * (levels - 1)


def test_nesting_is_bounded() -> None:
    parse_query(nested(MAX_NESTING))
    with pytest.raises(InvalidQueryError, match="nested"):
        parse_query(nested(MAX_NESTING + 1))
    deep_value = "[" * (MAX_NESTING + 1) + "]" * (MAX_NESTING + 1)
    with pytest.raises(InvalidQueryError, match="nested"):
        parse_query(f'{{"method":"equal","attribute":"a","values":{deep_value}}}')
    parse_query(f'{{"method":"equal","attribute":"a","values":{deep_value[1:-1]}}}')


def test_the_number_of_queries_within_a_query_is_bounded() -> None:
    children = [{"method": "isNull", "attribute": "a"}] * (MAX_CONDITIONS - 1)
    parse_query(json.dumps({"method": "or", "values": children}))
    with pytest.raises(InvalidQueryError, match="at most"):
        parse_query(json.dumps({"method": "or", "values": [*children, children[0]]}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.dictionaries(
        st.sampled_from(["method", "attribute", "values"]), JSON | st.sampled_from(sorted(METHODS))
    )
)
def test_any_object_is_read_or_refused_with_a_reason(data: dict[str, Any]) -> None:
    try:
        query = parse_query(json.dumps(data))
    except InvalidQueryError as error:
        assert str(error)
    else:
        assert query.method == data["method"]
