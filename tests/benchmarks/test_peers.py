"""Each server does what is measured of it. Those of other projects are looked at where they are installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.native import BUILD, LoadGenerator, Plan
from benchmarks.payload import EVENT_BYTES, PLACEHOLDER, event_text
from benchmarks.peers import MATCHING, Peer, Running, ServerFailedError, all_peers, install
from benchmarks.peers.install import NotInstalledError
from benchmarks.scenarios import Load
from benchmarks.scenarios.matching import EVENTS, WARM_UP, match_one

PEERS = all_peers()
CORE = min(os.sched_getaffinity(0))


def installed(peer: Peer) -> Peer:
    """The peer, if its program is here already: tests fetch nothing."""

    def refuse(command: list[str]) -> None:
        raise NotInstalledError(" ".join(command))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(install, "run_installer", refuse)
        try:
            peer.prepare()
        except NotInstalledError as error:
            pytest.skip(str(error))
    return peer


@pytest.fixture(scope="module", params=PEERS, ids=lambda peer: peer.name)
def running(request: pytest.FixtureRequest, generator: LoadGenerator) -> Iterator[Running]:
    """A running server, one after another."""
    BUILD.mkdir(exist_ok=True)
    with installed(request.param).start(CORE, generator) as started:
        yield started


def test_every_subscriber_receives_every_event(generator: LoadGenerator, running: Running) -> None:
    plan = Plan(subscribers=15, request=running.requests["event"], requests=6, warm_up=1, in_flight=2)
    outcome = generator.run(running.endpoint, plan)

    assert outcome.requested
    assert outcome.requested.messages == 15 * 5
    assert abs(outcome.requested.event_bytes - EVENT_BYTES) <= EVENT_BYTES // 100
    texts = [sample.text() for sample in outcome.requested.samples]
    assert (len(set(texts)) == 1) == running.endpoint.shared


def test_compressed_events_inflate_to_what_the_others_get(generator: LoadGenerator, running: Running) -> None:
    if not running.compresses:
        pytest.skip("it does not compress")
    plan = Plan(subscribers=3, request=running.requests["event"], requests=2, deflate=True)
    outcome = generator.run(running.endpoint, plan)

    assert outcome.requested
    assert outcome.requested.event_bytes < EVENT_BYTES / 3
    assert all(sample.compressed for sample in outcome.requested.samples)
    assert all(abs(len(sample.text()) - EVENT_BYTES) < 30 for sample in outcome.requested.samples)


def test_ten_subscriptions_can_be_held(generator: LoadGenerator, running: Running) -> None:
    if running.ten is None:
        pytest.skip("it knows one subscription")
    assert running.ten.subscriptions == 10 or "," in running.ten.path
    with generator.hold(running.ten, Plan(subscribers=5)) as held:
        assert held.connected
        assert held.connected.subscribers == 5


@pytest.mark.parametrize("running", PEERS[:1], ids=lambda peer: peer.name, indirect=True)
@pytest.mark.parametrize("case", MATCHING)
def test_one_of_all_subscriptions_matches(generator: LoadGenerator, running: Running, case: str) -> None:
    assert running.matching
    endpoint = running.cases[case].endpoint
    before = running.matching()
    with generator.hold(endpoint, Plan(subscribers=30, first=1)):
        microseconds, receipt = match_one(Load(generator), running, case)
    assert microseconds > 0
    assert receipt > 0
    assert running.matching().events - before.events == WARM_UP + EVENTS


@pytest.mark.parametrize("running", PEERS[:1], ids=lambda peer: peer.name, indirect=True)
@pytest.mark.parametrize("case", MATCHING)
def test_a_second_receiver_is_noticed(generator: LoadGenerator, running: Running, case: str) -> None:
    with (
        generator.hold(running.cases[case].endpoint, Plan(subscribers=1)),
        pytest.raises(ServerFailedError, match="220 receivers of 110 events"),
    ):
        match_one(Load(generator), running, case)


def test_the_event_has_its_size_and_ends_with_the_receivers_id() -> None:
    text = event_text()
    assert len(text) == len(text.encode()) == EVENT_BYTES
    assert text.endswith(f'"subscriptions":["{PLACEHOLDER}"]}}}}')


def test_an_installer_that_fails_names_the_command() -> None:
    command = [sys.executable, "-c", "raise SystemExit('no network')"]
    with pytest.raises(NotInstalledError, match=r"install it with: .*no network"):
        install.run_installer(command)
    with pytest.raises(NotInstalledError, match="install it with: /nowhere/npm"):
        install.run_installer([str(Path("/nowhere/npm"))])
