"""Queries of realtime subscriptions.

Deviations from the vectors of class ``quirk``, each chosen deliberately:

- numbers are compared by value, so 1 equals 1.0: SDKs that only have doubles can filter on whole numbers;
- text that looks numeric is text: ``"10" < "9"`` holds, ``"1.0"`` is below ``"10"``;
- there is no order across types, nor for booleans, null, arrays and objects: such a comparison is false.

In validation, everything wrong is one error; the vectors tell kinds of wrong apart that no client does.
"""

from __future__ import annotations

import json
import operator
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import Case, load_cases
from tidewire.core.queries import MAX_CONDITIONS, MAX_NESTING
from tidewire.core.realtime_payload import MAX_ELEMENTS
from tidewire.core.realtime_queries import (
    FINDING,
    MAX_QUERIES,
    Attributes,
    InvalidRealtimeQueryError,
    compile_queries,
    equality_key,
    normal_form,
    parse_realtime_queries,
    value_key,
    work,
)

RELATIONS: dict[str, Callable[[str, str], bool]] = {
    "lessThan": operator.lt,
    "lessThanEqual": operator.le,
    "greaterThan": operator.gt,
    "greaterThanEqual": operator.ge,
}


def accepts(texts: list[str], payload: dict[str, Any]) -> bool:
    predicate = compile_queries(parse_realtime_queries(texts))
    return predicate is None or predicate(Attributes(payload))


def query(method: str, *values: object) -> str:
    return json.dumps({"method": method, "attribute": "v", "values": values})


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def deviation(case: Case) -> bool | None:
    """What this server answers where it deviates from a vector; None where it does not."""
    if case["class"] == "core" or len(case["payload"]) != 1:
        return None
    condition = json.loads(case["queries"][0])
    (value,), wanted = case["payload"].values(), condition["values"][0]
    method: str = condition["method"]
    if is_number(value) and is_number(wanted) and method in {"equal", "notEqual"}:
        return bool(value == wanted) == (method == "equal")
    if method not in RELATIONS or (is_number(value) and is_number(wanted)):
        return None
    if not isinstance(value, str) or not isinstance(wanted, str):
        return False
    return RELATIONS[method](value, wanted)


@pytest.mark.parametrize("case", load_cases("runtime_query"))
def test_matching_vectors(case: Case) -> None:
    expected = deviation(case)
    assert accepts(case["queries"], case["payload"]) == (case["match"] if expected is None else expected)


@pytest.mark.parametrize("case", load_cases("query_validation"))
def test_validation_vectors(case: Case) -> None:
    if not case["expected"]["ok"]:
        named = (
            "not supported in Realtime queries" if case["expected"]["reason"] == "unsupported_method" else ""
        )
        with pytest.raises(InvalidRealtimeQueryError, match=named or r"\w"):
            parse_realtime_queries(case["queries"], extended=False)
        return
    queries = parse_realtime_queries(case["queries"], extended=False)
    assert queries == parse_realtime_queries(case["queries"])
    echoed = [normal_form(parsed) for parsed in queries]
    assert [json.loads(text) for text in echoed] == [json.loads(text) for text in case["expected"]["echo"]]
    assert [list(json.loads(text)) for text in echoed] == [
        list(json.loads(text)) for text in case["expected"]["echo"]
    ]


def test_whole_floats_are_echoed_as_integers() -> None:
    (parsed,) = parse_realtime_queries(
        ['{"method":"equal","attribute":"a","values":[1.0,[2.0,{"k":-0.0}],1.5]}']
    )
    assert normal_form(parsed) == '{"method":"equal","attribute":"a","values":[1,[2,{"k":0}],1.5]}'


@pytest.mark.parametrize("texts", [None, "x", {}, {"0": query("isNull")}, 5])
def test_queries_are_a_list(texts: object) -> None:
    with pytest.raises(InvalidRealtimeQueryError, match="array"):
        parse_realtime_queries(texts)


def test_the_number_of_queries_and_conditions_is_bounded() -> None:
    parse_realtime_queries([query("isNull")] * MAX_QUERIES)
    with pytest.raises(InvalidRealtimeQueryError, match="At most"):
        parse_realtime_queries([query("isNull")] * (MAX_QUERIES + 1))
    half = json.dumps({"method": "or", "values": [json.loads(query("isNull"))] * (MAX_CONDITIONS // 2)})
    parse_realtime_queries([half])
    with pytest.raises(InvalidRealtimeQueryError, match="at most"):
        parse_realtime_queries([half, half])


def test_the_deepest_query_runs() -> None:
    text = query("equal", 1)
    for _ in range(MAX_NESTING - 1):
        text = f'{{"method":"and","values":[{text}]}}'
    assert accepts([text], {"v": 1})


def test_payloads_of_any_depth_are_compared() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert not accepts([query("equal", [[[]]])], {"v": deep})
    assert accepts([query("notEqual", [[[]]])], {"v": deep})


def test_booleans_are_not_numbers_anywhere() -> None:
    assert not accepts([query("equal", 1)], {"v": True})
    assert not accepts([query("equal", [1])], {"v": [True]})
    assert not accepts([query("equal", {"k": 0})], {"v": {"k": False}})
    assert not accepts([query("lessThan", 2)], {"v": True})
    assert not accepts([query("lessThan", True)], {"v": 0})


def test_objects_are_equal_in_any_order_of_keys() -> None:
    assert accepts([query("equal", {"a": 1, "b": 2})], {"v": {"b": 2, "a": 1}})


def test_ordering_holds_for_any_value() -> None:
    assert accepts([query("lessThan", 1, "b", 9, None)], {"v": 8})
    assert accepts([query("lessThan", 1, "b", 9, None)], {"v": "a"})
    assert not accepts([query("lessThan", 1, "b", 9, None)], {"v": 9})
    assert accepts([query("greaterThanEqual", 5, 3)], {"v": 3})


def test_integers_beyond_doubles_are_exact() -> None:
    assert not accepts([query("equal", 2**53 + 1)], {"v": 2**53})
    assert accepts([query("greaterThan", 2**53)], {"v": 2**53 + 1})


def test_numbers_whose_hashes_collide_have_keys_whose_hashes_do_not() -> None:
    numbers = [7 + number * sys.hash_info.modulus for number in range(1000)]
    assert len(set(map(hash, numbers))) == 1
    assert len({hash(value_key(number)) for number in numbers}) > 990
    assert accepts([query("equal", *numbers)], {"v": numbers[-1]})
    assert not accepts([query("equal", *numbers[1:])], {"v": 7})


def test_text_is_ordered_by_code_points() -> None:
    assert accepts([query("lessThan", "\U00010000")], {"v": "\uffff"})


def key_of(*texts: str) -> object:
    return equality_key(parse_realtime_queries(list(texts)))


def test_equality_key() -> None:
    select_all = '{"method":"select","values":["*"]}'
    assert key_of(query("equal", "a", "b", "a")) == ("v", ("a", "b"))
    assert key_of(query("equal", 1)) == ("v", (value_key(1.0),))
    assert key_of(query("equal", True)) != key_of(query("equal", 1))
    assert key_of(query("equal")) == ("v", ())
    assert key_of(query("isNull"), query("equal", "a", "b"), query("equal", "c")) == ("v", ("c",))
    assert key_of(query("equal", [1], {"k": 1})) == ("v", (value_key([1.0]), value_key({"k": 1})))
    assert key_of(query("notEqual", "a")) is None
    assert key_of(query("equal", "a"), select_all) is None
    assert key_of() is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, 1.0, -0.0])
    | st.text("ab1", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("kl"), inner, max_size=2),
    max_leaves=4,
)
PAYLOADS = st.dictionaries(st.just("v"), JSON)
METHODS = sorted(RELATIONS.keys() | {"equal", "notEqual", "isNull", "isNotNull"})


def same(left: Any, right: Any) -> bool:
    """Identity, said another way: the same text once numbers have one spelling."""
    return json.dumps(spelled(left), sort_keys=True) == json.dumps(spelled(right), sort_keys=True)


def spelled(value: Any) -> Any:
    if is_number(value):
        return {"number": float(value) + 0.0}
    if isinstance(value, list):
        return [spelled(element) for element in value]
    if isinstance(value, dict):
        return {"object": {key: spelled(element) for key, element in value.items()}}
    return value


@given(JSON, st.lists(JSON, max_size=3))
def test_identity(value: Any, wanted: list[Any]) -> None:
    expected = any(same(value, each) for each in wanted)
    assert accepts([query("equal", *wanted)], {"v": value}) == expected
    assert accepts([query("notEqual", *wanted)], {"v": value}) != expected


@given(JSON, JSON)
def test_value_keys_stand_for_values(left: Any, right: Any) -> None:
    if value_key(left) is not None and value_key(right) is not None:
        assert (value_key(left) == value_key(right)) == same(left, right)


@given(
    st.lists(st.tuples(st.sampled_from(METHODS), st.lists(JSON, max_size=3)), min_size=1, max_size=4),
    PAYLOADS,
)
def test_logic(conditions: list[tuple[str, list[Any]]], payload: dict[str, Any]) -> None:
    texts = [query(method, *values) for method, values in conditions]
    results = [accepts([text], payload) for text in texts]
    children = ",".join(texts)
    assert accepts(texts, payload) == all(results)
    assert accepts([f'{{"method":"and","values":[{children}]}}'], payload) == all(results)
    assert accepts([f'{{"method":"or","values":[{children}]}}'], payload) == any(results)
    if not payload:
        assert not any(results)


@given(st.lists(st.tuples(st.sampled_from(METHODS), st.lists(JSON, max_size=3)), max_size=4), PAYLOADS)
def test_an_index_by_equality_key_misses_nothing(
    conditions: list[tuple[str, list[Any]]], payload: dict[str, Any]
) -> None:
    queries = parse_realtime_queries([query(method, *values) for method, values in conditions])
    key, predicate = equality_key(queries), compile_queries(queries)
    if key is not None and predicate is not None and predicate(Attributes(payload)):
        attribute, values = key
        assert value_key(payload[attribute]) in values


def identical(one: Any, other: Any) -> bool:
    """Same JSON type and equal."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(identical, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(identical(one[key], other[key]) for key in one)
    if is_number(one) and is_number(other):
        return bool(one == other)
    return type(one) is type(other) and bool(one == other)


@given(JSON, JSON)
def test_values_have_the_same_key_if_they_are_identical(one: Any, other: Any) -> None:
    assert (value_key(one) == value_key(other)) == identical(one, other)
    assert value_key(json.loads(json.dumps(one))) == value_key(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 23], [12, 3]),
        (["a", "b"], ["ab"]),
        (["a;b"], ["a", "b"]),
        ([[], []], [[[]]]),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ({"a": []}, {"a": {}}),
        ([None], ["None"]),
        ([True], ["True"]),
        ([1], ["1"]),
    ],
)
def test_what_is_cut_differently_has_another_key(one: Any, other: Any) -> None:
    assert value_key(one) != value_key(other)


def test_the_order_of_the_names_in_an_object_makes_no_difference() -> None:
    assert value_key({"a": 1, "b": [2.0]}) == value_key({"b": [2], "a": 1.0})
    assert accepts([query("equal", {"a": 1, "b": 2})], {"v": {"b": 2, "a": 1}})


def test_what_no_query_may_hold_is_unlike_everything() -> None:
    deep: Any = 1
    for _ in range(MAX_NESTING + 1):
        deep = [deep]
    for value in (list(range(MAX_ELEMENTS + 1)), [list(range(MAX_ELEMENTS)), [1]], deep):
        assert value_key(value) is None
        assert not accepts([query("equal", [1])], {"v": value})
        assert accepts([query("notEqual", [1])], {"v": value})
    with pytest.raises(InvalidRealtimeQueryError, match="1000 values each"):
        parse_realtime_queries([query("equal", list(range(MAX_ELEMENTS + 1)))])


@pytest.mark.parametrize(
    ("texts", "cost"),
    [
        ([query("equal", "a", "b", [1])], 1),
        ([query("contains", "a", "b", 1), query("isNull")], 2 * FINDING + 2),
        ([query("search", "a b c")], 3 * FINDING + 1),
        ([query("startsWith", "a")], 1),
        (['{"method":"exists","values":["a","b"]}'], 2),
        ([json.dumps({"method": "or", "values": [json.loads(query("isNull"))] * 3})], 4),
    ],
)
def test_what_queries_cost(texts: list[str], cost: int) -> None:
    assert work(parse_realtime_queries(texts)) == cost


@given(st.lists(JSON | st.text(), max_size=3))
def test_whatever_is_sent_is_read_or_refused_with_a_reason(texts: list[Any]) -> None:
    try:
        parse_realtime_queries(texts)
    except InvalidRealtimeQueryError as error:
        assert str(error)


@given(st.lists(st.tuples(st.sampled_from(METHODS), st.lists(JSON, max_size=3)), max_size=4))
def test_the_normal_form_reads_as_the_same_query(conditions: list[tuple[str, list[Any]]]) -> None:
    queries = parse_realtime_queries([query(method, *values) for method, values in conditions])
    assert parse_realtime_queries([normal_form(each) for each in queries]) == queries
