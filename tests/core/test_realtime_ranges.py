"""Where values stand, and which ranges queries admit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.core.queries import Query
from tidewire.core.realtime_queries import Attributes, compile_queries
from tidewire.core.realtime_ranges import Range, position, range_of

NUMBERS = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-5, 5),
    st.sampled_from(
        [
            float("inf"),
            -float("inf"),
            10**400,
            -(10**400),
            10**600,
            1e308,
            -1e308,
            5e-324,
            2**53 + 1,
            float(2**53),
        ]
    ),
)
TEXTS = st.one_of(st.text(), st.text(alphabet="aé\U0001f600\ud800\uffff", max_size=20))
RANGING = st.sampled_from(["lessThan", "lessThanEqual", "greaterThan", "greaterThanEqual"])


@given(NUMBERS, NUMBERS)
def test_numbers_stand_in_their_order(one: float, other: float) -> None:
    less, more = sorted((one, other))
    low, high = position(less), position(more)
    assert low is not None
    assert high is not None
    assert low <= high


@given(TEXTS, TEXTS)
def test_texts_stand_in_the_order_of_their_code_points(one: str, other: str) -> None:
    low, high = (position(text) for text in sorted((one, other)))
    assert low is not None
    assert high is not None
    assert low <= high


def test_other_values_stand_nowhere() -> None:
    assert [position(value) for value in (None, True, [1], {"a": 1})] == [None] * 4


@st.composite
def queries(draw: st.DrawFn) -> list[Query]:
    """Queries of attribute a or b."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        attribute = draw(st.sampled_from("ab"))
        if draw(st.booleans()):
            ends = draw(st.one_of(st.tuples(NUMBERS, NUMBERS), st.tuples(TEXTS, TEXTS)))
            found.append(Query("between", attribute, ends))
        else:
            values = draw(st.lists(st.one_of(NUMBERS, TEXTS, st.none(), st.booleans()), max_size=3))
            found.append(Query(draw(RANGING), attribute, tuple(values)))
    return found


@given(queries(), st.one_of(NUMBERS, TEXTS), st.one_of(NUMBERS, TEXTS))
def test_no_payload_is_accepted_outside_of_the_range(wanted: list[Query], a: Any, b: Any) -> None:
    payload = Attributes({"a": a, "b": b})
    predicate, admitted = compile_queries(wanted), range_of(wanted)
    assert predicate is not None
    if admitted is not None and predicate(payload):
        at = position(payload[admitted.attribute])
        assert at is not None
        assert admitted.low is None or admitted.low <= at
        assert admitted.high is None or at <= admitted.high


def _at(value: object) -> int:
    found = position(value)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("wanted", "admitted"),
    [
        ([Query("between", "a", (1, 5))], Range("a", _at(1), _at(5))),
        ([Query("greaterThan", "a", (3, 1))], Range("a", _at(1), None)),
        ([Query("lessThan", "a", (3, 1))], Range("a", None, _at(3))),
        ([Query("greaterThanEqual", "a", (1,)), Query("lessThan", "a", (9,))], Range("a", _at(1), _at(9))),
        ([Query("lessThan", "a", (9,)), Query("between", "b", ("x", "y"))], Range("b", _at("x"), _at("y"))),
        ([Query("lessThan", "a", (9, "x"))], None),
        ([Query("between", "a", (5, 1))], None),
        ([Query("lessThan", "a", (None,))], None),
        ([Query("lessThan", "a", ())], None),
        ([Query("notBetween", "a", (1, 5))], None),
        ([Query("between", "a", (1, 5)), Query("select", "", ("*",))], None),
    ],
)
def test_the_range_of_queries(wanted: list[Query], admitted: Range | None) -> None:
    assert range_of(wanted) == admitted
