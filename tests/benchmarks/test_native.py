"""The C programs count each other's messages exactly."""

from __future__ import annotations

import pytest
from benchmarks.native import LoadGenerator, Plan
from benchmarks.payload import EVENT_BYTES
from benchmarks.peers import Running


@pytest.mark.parametrize("in_flight", [1, 3])
def test_every_subscriber_receives_every_event(
    generator: LoadGenerator, sender: Running, in_flight: int
) -> None:
    plan = Plan(subscribers=40, request=sender.requests["event"], requests=25, warm_up=5, in_flight=in_flight)
    outcome = generator.run(sender.endpoint, plan)

    assert outcome.connected
    assert outcome.connected.subscribers == outcome.connected.subscribe_time.count == 40
    assert outcome.requested
    assert outcome.requested.requests == outcome.requested.response.count == 20
    assert outcome.requested.messages == 40 * 20
    assert outcome.requested.event_bytes == EVENT_BYTES
    assert outcome.requested.last_receipt
    assert outcome.requested.last_receipt.count == 20


def test_requests_without_subscribers(generator: LoadGenerator, sender: Running) -> None:
    plan = Plan(request=sender.requests["event"], requests=100, in_flight=8)
    outcome = generator.run(sender.endpoint, plan)

    assert outcome.connected is None
    assert outcome.requested
    assert outcome.requested.requests == 100
    assert outcome.requested.messages == 0


def test_held_subscribers_stay_connected(generator: LoadGenerator, sender: Running) -> None:
    with generator.hold(sender.endpoint, Plan(subscribers=10)) as held:
        assert held.connected
        assert held.connected.subscribers == 10
        event = Plan(subscribers=1, request=sender.requests["event"], requests=1)
        outcome = generator.run(sender.endpoint, event)
        assert outcome.requested
        assert outcome.requested.messages == 1
