"""What is asked of one worker process is answered for all of them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.channels.conftest import Listener, Party, partying
from tests.realtime.world import Json
from tests.support.server import TidewireServer
from tidewire.realtime.survey.metrics import METRICS

KEY = "a secret for the scraper"
ASKED = 8
"""Times that the same is asked, over a connection each, to whichever worker takes it."""


@contextmanager
def _serving(directory: Path) -> Iterator[TidewireServer]:
    server = TidewireServer(directory / "data", ["--workers", "2", "--drain-seconds", "0.1"])
    server.environment["TIDEWIRE_METRICS_KEY"] = KEY
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    with _serving(tmp_path_factory.mktemp("workers")) as running:
        yield running


@pytest.fixture
async def party(server: TidewireServer) -> AsyncIterator[Party]:
    async with partying(server) as opened:
        for _ in range(1000):
            if (await _listed(opened))["total"] == 0:
                break  # those of the test before have ended
        yield opened


@asynccontextmanager
async def _anybody(party: Party) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the key, on a connection of its own."""
    async with httpx.AsyncClient(
        base_url=party.server.endpoint, headers=party.admin.headers, timeout=60
    ) as client:
        yield client


async def _listed(party: Party, **parameters: str | int) -> Json:
    async with _anybody(party) as client:
        response = await client.get("/realtime/connections", params=parameters)
    assert response.status_code == 200, response.text
    page: Json = response.json()
    return page


async def _explained(party: Party, **whom: str) -> Json:
    event = {"roles": ["any"], "channels": ["channels.room1"]}
    async with _anybody(party) as client:
        response = await client.post("/realtime/explain", json={"event": event, **whom})
    assert response.status_code == 200, response.text
    explanation: Json = response.json()
    return explanation


def _holder(connection: Json) -> str:
    """The process that a listed connection is to."""
    held: str = connection["$id"].rpartition("-")[0]
    return held


async def _spread(party: Party, **who: str) -> list[Listener]:
    """Connections that come one after the other, to ``room0``, ``room1``…, until both workers have some."""
    opened: list[Listener] = []
    while len(opened) < 6 or len({_holder(each) for each in (await _listed(party))["connections"]}) < 2:
        opened.append(await party.listen(f"room{len(opened)}", **who))
        assert len(opened) < 100
    return opened


def _workers(server: TidewireServer) -> dict[str, int]:
    """The numbers that the system knows the workers by, by their ids: each holds a file of that name."""
    assert server.process
    number = server.process.pid
    held: dict[str, int] = {}
    for worker in Path(f"/proc/{number}/task/{number}/children").read_text().split():
        with suppress(FileNotFoundError):  # it has just ended
            for descriptor in Path(f"/proc/{worker}/fd").iterdir():
                with suppress(FileNotFoundError):  # it has just been closed
                    file = descriptor.readlink()
                    if file.parent.name == "processes":
                        held[file.name] = int(worker)
    return held


@contextmanager
def _halted(worker: int) -> Iterator[None]:
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


async def _until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it does not come about")


def _rooms(page: Json) -> list[str]:
    return [each["subscriptions"][0]["channels"][0] for each in page["connections"]]


async def test_connections_of_all_workers_are_listed_in_the_order_of_their_coming(party: Party) -> None:
    opened = await _spread(party)
    rooms = [f"channels.room{number}" for number in range(len(opened))]
    for _ in range(ASKED):
        page = await _listed(party)
        assert (_rooms(page), page["total"], page["missingProcesses"]) == (rooms, len(rooms), [])
    for limit in (1, 2, 5):
        pages = [await _listed(party, limit=limit, offset=at) for at in range(0, len(rooms) + limit, limit)]
        assert [room for page in pages for room in _rooms(page)] == rooms
        assert {page["total"] for page in pages} == {len(rooms)}


async def test_connections_of_a_user_are_found_wherever_they_are(party: Party) -> None:
    user_id, session = await party.user()
    opened = await _spread(party, session=session)
    await party.listen("else")
    page = await _listed(party, userId=user_id)
    assert (page["total"], len(page["connections"])) == (len(opened), len(opened))
    for _ in range(ASKED):
        explanation = await _explained(party, userId=user_id)
        assert explanation["missingProcesses"] == []
        verdicts = explanation["connections"]
        assert [each["connectionId"] for each in verdicts] == [each["$id"] for each in page["connections"]]
        assert [each["delivered"] for each in verdicts] == [number == 1 for number in range(len(opened))]


async def test_a_connection_that_another_worker_has_is_explained(party: Party) -> None:
    await _spread(party)
    for connection in (await _listed(party))["connections"]:
        [verdict] = (await _explained(party, connectionId=connection["$id"]))["connections"]
        assert verdict["connectionId"] == connection["$id"]
        assert verdict["delivered"] == ("channels.room1" in connection["subscriptions"][0]["channels"])
        async with _anybody(party) as client:
            for none in (connection["$id"] + "0", "none", "none-1", "-"):
                body: Json = {"event": {"roles": [], "channels": []}, "connectionId": none}
                refused = await client.post("/realtime/explain", json=body)
                assert (refused.status_code, refused.json()["type"]) == (400, "general_argument_invalid")


async def _metrics(server: TidewireServer) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Labels and values by name, as one request shows them."""
    async with httpx.AsyncClient(base_url=server.endpoint.removesuffix("/v1"), timeout=60) as client:
        text = (await client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"})).text
    families = list(text_string_to_metric_families(text))
    assert [each.name for each in families] == [metric.name.removesuffix("_total") for metric in METRICS]
    return {
        each.name: [(sample.labels, sample.value) for sample in each.samples if "le" not in sample.labels]
        for each in families
    }


async def test_one_request_shows_the_metrics_of_all_workers(party: Party) -> None:
    opened = await _spread(party)
    workers = _workers(party.server)
    for _ in range(ASKED):
        metrics = await _metrics(party.server)
        for name in ("connections", "subscriptions"):
            shown = metrics[f"tidewire_realtime_{name}"]
            assert [labels["process"] for labels, _ in shown] == sorted(workers)
            assert sum(value for _, value in shown) == len(opened)
        assert metrics["tidewire_process_up"] == [({"process": name}, 1.0) for name in sorted(workers)]


async def test_a_worker_that_hangs_is_left_out_and_named(party: Party) -> None:
    await _spread(party)
    whole = (await _listed(party))["connections"]
    silent, number = min(_workers(party.server).items())
    with _halted(number):
        page, metrics, *explained = await asyncio.gather(
            _listed(party),
            _metrics(party.server),
            *(_explained(party, connectionId=each["$id"]) for each in whole),
        )
    assert page["missingProcesses"] == [silent]
    rest = [each for each in whole if _holder(each) != silent]
    assert ([each["$id"] for each in page["connections"]], page["total"]) == (
        [each["$id"] for each in rest],
        len(rest),
    )
    for connection, explanation in zip(whole, explained, strict=True):
        is_missing = _holder(connection) == silent
        assert explanation["missingProcesses"] == ([silent] if is_missing else [])
        assert len(explanation["connections"]) == (not is_missing)
    assert ({"process": silent}, 0.0) in metrics["tidewire_process_up"]
    assert silent not in {labels["process"] for labels, _ in metrics["tidewire_realtime_connections"]}
    again = await _listed(party)
    assert (again["connections"], again["missingProcesses"]) == (whole, [])


async def test_a_worker_that_dies_while_it_is_asked_has_no_connections(tmp_path: Path) -> None:
    with _serving(tmp_path) as server:
        async with partying(server) as party:
            await _spread(party)
            whole = (await _listed(party))["connections"]
            doomed, number = min(_workers(server).items())
            os.kill(number, signal.SIGSTOP)
            asked = asyncio.create_task(_listed(party))
            await asyncio.sleep(0.5)  # in which it is asked, and does not answer
            os.kill(number, signal.SIGKILL)
            page = await asked
            assert page["missingProcesses"] == [], "it has gone, and its connections with it"
            assert page["connections"] == [each for each in whole if _holder(each) != doomed]
            await _until(lambda: len(_workers(server)) == 2)
            assert (await _listed(party))["connections"] == page["connections"]
