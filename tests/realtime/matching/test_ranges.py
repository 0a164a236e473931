"""Subscriptions by ranges: those around a value are found, and few others are looked at."""

from __future__ import annotations

import sys
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.realtime.world import Client
from tidewire.core.realtime_ranges import Range
from tidewire.realtime.matching.ranges import Ranges
from tidewire.realtime.receivers.receiver import Subscription

ENDS = st.one_of(st.none(), st.integers(-40, 40), st.sampled_from([10**30, -(10**30), 10**30 + 1]))


def _is_range(low: int | None, high: int | None) -> bool:
    return low != high if low is None or high is None else low <= high


def _subscription(client: Client, number: int) -> Subscription:
    return Subscription(client, f"s{number}", ["c"], None, since=0)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(ENDS, ENDS).filter(lambda ends: _is_range(*ends)), max_size=30),
    st.lists(st.integers(0, 29), unique=True),
    st.one_of(st.integers(-45, 45), st.sampled_from([10**30, -(10**30)])),
)
def test_all_around_a_value_are_found_once(
    ends: list[tuple[int | None, int | None]], leaving: list[int], value: int
) -> None:
    client, ranges = Client("c"), Ranges()
    entered = {}
    for number, (low, high) in enumerate(ends):
        subscription, wanted = _subscription(client, number), Range("a", low, high)
        ranges.add(wanted, subscription)
        entered[number] = (subscription, wanted)
    for number in leaving:
        if number in entered:
            subscription, wanted = entered.pop(number)
            ranges.discard(wanted, subscription)
    assert set(ranges.subscriptions()) == {subscription for subscription, _ in entered.values()}
    found = list(ranges.around(value))
    assert len(found) == len(set(found))
    for subscription, wanted in entered.values():
        inside = (wanted.low is None or wanted.low <= value) and (wanted.high is None or value <= wanted.high)
        assert subscription in found or not inside
    assert set(found) <= {subscription for subscription, _ in entered.values()}
    for subscription, wanted in entered.values():
        ranges.discard(wanted, subscription)
    assert not ranges


def test_the_cost_follows_the_matches() -> None:
    client, ranges = Client("c"), Ranges()
    for number in range(20_000):
        ranges.add(Range("a", number * 10, number * 10 + 9), _subscription(client, number))
        ranges.add(Range("a", number * 10, None), _subscription(client, number))
    for value in (0, 5, 99_995, 199_999):
        expected = 1 + value // 10 + 1
        assert expected <= len(list(ranges.around(value))) <= expected + 4


def test_ranges_whose_hashes_collide_as_numbers_do_not_as_keys() -> None:
    client, ranges = Client("c"), Ranges()
    for number in range(1000):
        end = number * sys.hash_info.modulus << 8
        ranges.add(Range("a", end, end + 127), _subscription(client, number))
        ranges.add(Range("a", end, None), _subscription(client, number))
    assert len(list(ranges.around(0))) == 2
    assert max(Counter(map(hash, ranges._cells)).values()) < 5
