"""Queries beyond those that every Appwrite server knows, and their absence on request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewire.core.queries import MAX_VALUES
from tidewire.core.realtime_extension import EXTENSION, MAX_SEARCH_LENGTH
from tidewire.core.realtime_queries import (
    Attributes,
    InvalidRealtimeQueryError,
    compile_queries,
    normal_form,
    parse_realtime_queries,
)

NEGATIONS = {
    "between": "notBetween",
    "startsWith": "notStartsWith",
    "endsWith": "notEndsWith",
    "contains": "notContains",
    "search": "notSearch",
}
VALUES: dict[str, list[Any]] = {
    "between": [1, 2],
    "notBetween": ["a", "b"],
    **{method: ["a"] for method in EXTENSION if "etween" not in method},
}


def query(method: str, *values: object) -> str:
    return json.dumps({"method": method, "attribute": "v", "values": values})


def accepts(text: str, payload: dict[str, Any]) -> bool:
    predicate = compile_queries(parse_realtime_queries([text]))
    assert predicate is not None
    return predicate(Attributes(payload))


@pytest.mark.parametrize(
    ("method", "values", "value", "expected"),
    [
        ("between", [1, 3], 1, True),
        ("between", [1, 3], 3.0, True),
        ("between", [1, 3], 3.5, False),
        ("between", [3, 1], 2, False),
        ("between", [0, 1], True, False),
        ("between", ["a", "c"], "b", True),
        ("between", ["a", "c"], "c1", False),
        ("startsWith", ["ab"], "abc", True),
        ("startsWith", ["ab"], "Abc", True),
        ("startsWith", ["ÄRZ"], "ärzte", True),
        ("endsWith", ["bc"], "abc", True),
        ("endsWith", [""], "abc", True),
        ("contains", ["x", "b"], "abc", True),
        ("contains", ["B"], "abc", True),
        ("contains", ["B"], ["b"], False),
        ("endsWith", ["İVAN"], "ivan", True),
        ("contains", [1], "1", False),
        ("contains", ["b"], ["a", "b"], True),
        ("contains", ["b"], ["abc"], False),
        ("contains", [1], [1.0], True),
        ("contains", [1], [True], False),
        ("contains", [{"k": 1}], [{"k": 1}], True),
        ("containsAny", ["x", "a"], ["a"], True),
        ("containsAny", ["x"], [], False),
        ("containsAll", ["a", "c"], "abc", True),
        ("containsAll", ["a", "x"], "abc", False),
        ("containsAll", ["a", 1], "a1", False),
        ("containsAll", ["a", 1, [2]], [[2], 1, "a"], True),
        ("containsAll", ["a", 1, [2]], [[3], 1, "a"], False),
        ("search", ["world hello"], "Hello, World!", True),
        ("search", ["STRASSE"], "Straße", True),
        ("search", ["hello moon"], "Hello, World!", False),
    ],
)
def test_comparisons(method: str, values: list[Any], value: Any, expected: bool) -> None:
    assert accepts(query(method, *values), {"v": value}) is expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([1.0, 0.5]) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("kl"), inner, max_size=1),
    max_leaves=4,
)


@given(st.sampled_from(sorted(NEGATIONS)), st.text("ab", max_size=2), JSON)
def test_of_a_comparison_and_its_negation_one_holds_or_the_value_has_the_wrong_type(
    method: str, text: str, value: Any
) -> None:
    values = (text, text + "b") if method == "between" else (text,)
    holds = [accepts(query(each, *values), {"v": value}) for each in (method, NEGATIONS[method])]
    applies = isinstance(value, str) or (method == "contains" and isinstance(value, list))
    assert sum(holds) == applies


@pytest.mark.parametrize("method", sorted(EXTENSION.keys() - {"exists", "notExists"}))
@pytest.mark.parametrize("payload", [{}, {"v": None}, {"w": "a"}])
def test_nothing_holds_for_null_or_a_missing_key(method: str, payload: dict[str, Any]) -> None:
    assert not accepts(query(method, *VALUES[method]), payload)


@pytest.mark.parametrize(
    ("payload", "existing", "missing"),
    [
        ({"a": 1, "b": None}, True, False),
        ({"a": 1}, False, False),
        ({"c": 1}, False, True),
        ({}, False, True),
    ],
)
def test_existence_is_of_all_keys_or_of_none(payload: Any, existing: bool, missing: bool) -> None:
    for method, expected in (("exists", existing), ("notExists", missing)):
        assert accepts(json.dumps({"method": method, "values": ["a", "b"]}), payload) is expected


@given(st.lists(JSON, min_size=1, max_size=3), st.lists(JSON, max_size=4))
def test_arrays_contain_elements_that_are_identical(wanted: list[Any], value: list[Any]) -> None:
    equal = [any(accepts(query("equal", each), {"v": element}) for element in value) for each in wanted]
    assert accepts(query("contains", *wanted), {"v": value}) == any(equal)
    assert accepts(query("containsAll", *wanted), {"v": value}) == all(equal)


@pytest.mark.parametrize(
    ("method", "values"),
    [
        ("between", [1]),
        ("between", [1, "b"]),
        ("between", [True, False]),
        ("between", [None, None]),
        ("notBetween", [1, 2, 3]),
        ("startsWith", [1]),
        ("startsWith", []),
        ("endsWith", ["a", "b"]),
        ("contains", []),
        ("containsAll", ["a"] * (MAX_VALUES + 1)),
        ("search", ["a" * (MAX_SEARCH_LENGTH + 1)]),
        ("notSearch", [5]),
        ("exists", []),
        ("notExists", ["a", 5]),
    ],
)
def test_values_that_make_no_sense_are_refused_with_a_reason(method: str, values: list[Any]) -> None:
    with pytest.raises(InvalidRealtimeQueryError, match=f"The query {method} needs "):
        parse_realtime_queries([query(method, *values)])


@pytest.mark.parametrize("method", sorted(EXTENSION))
def test_the_reference_setting_refuses_the_extension_by_name(method: str) -> None:
    text = query(method, *VALUES[method])
    [parsed] = parse_realtime_queries([text])
    assert parse_realtime_queries([normal_form(parsed)]) == [parsed]
    for refused in (text, f'{{"method":"or","values":[{text}]}}'):
        with pytest.raises(
            InvalidRealtimeQueryError, match=f"method {method} is not supported in Realtime queries"
        ):
            parse_realtime_queries([refused], extended=False)


@pytest.mark.parametrize("method", ["limit", "orderAsc", "cursorAfter", "elemMatch", "regex", "vectorDot"])
def test_what_makes_no_sense_on_one_payload_is_refused_always(method: str) -> None:
    with pytest.raises(InvalidRealtimeQueryError, match=f"method {method} is not supported in Realtime"):
        parse_realtime_queries([json.dumps({"method": method, "values": []})])
