"""Looking into a whole server: connections, explanations, metrics."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import ClientConnection, connect

from tests.support.server import TidewireServer
from tidewire.realtime.survey.metrics import METRICS

Json = dict[str, Any]
KEY = "a secret for the scraper"
QUERY = '{"method":"equal","attribute":"name","values":["wanted.txt"]}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TidewireServer]:
    running = TidewireServer(tmp_path_factory.mktemp("inspection"))
    running.environment["TIDEWIRE_METRICS_KEY"] = KEY
    running.start()
    yield running
    running.stop()


@pytest.fixture
async def admin(server: TidewireServer) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key()}
    async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=20) as client:
        yield client


@pytest.fixture
async def guest(server: TidewireServer) -> AsyncIterator[ClientConnection]:
    """A guest who wants files of one name."""
    async with connect(f"{server.realtime}?project={server.project}", proxy=None) as socket:
        await socket.recv()
        row = {"subscriptionId": "s", "channels": ["files"], "queries": [QUERY]}
        await socket.send(json.dumps({"type": "subscribe", "data": [row]}))
        await socket.recv()
        yield socket


async def _connection(admin: httpx.AsyncClient) -> Json:
    page = (await admin.get("/realtime/connections")).json()
    assert page["total"] == 1
    found: Json = page["connections"][0]
    return found


async def _explain(admin: httpx.AsyncClient, **given: Any) -> Json:
    response = await admin.post("/realtime/explain", json=given)
    assert response.status_code == 200, response.text
    explanation: Json = response.json()
    return explanation


async def test_connections_are_listed(admin: httpx.AsyncClient, guest: ClientConnection) -> None:
    found = await _connection(admin)
    assert (found["userId"], found["roles"], found["queuedBytes"]) == ("", ["guests"], 0)
    assert found["subscriptions"] == [{"$id": "s", "channels": ["files"], "queries": [QUERY]}]
    page = (await admin.get("/realtime/connections", params={"userId": "anna"})).json()
    assert page == {"total": 0, "connections": [], "missingProcesses": []}


@pytest.mark.parametrize(
    ("event", "failed"),
    [
        ({"roles": ["any"], "channels": ["files"], "payload": {"name": "wanted.txt"}}, set()),
        ({"roles": ["any"], "channels": ["files"], "payload": {"name": "other.txt"}}, {"query"}),
        ({"roles": ["users"], "channels": ["files"], "payload": {"name": "wanted.txt"}}, {"role"}),
        ({"roles": ["guests"], "channels": ["rows"], "payload": {"name": "wanted.txt"}}, {"channel"}),
        ({"roles": [], "channels": ["files"], "payload": {"name": "wanted.txt"}}, {"published", "role"}),
    ],
)
async def test_a_supposed_event_is_explained_step_by_step(
    admin: httpx.AsyncClient, guest: ClientConnection, event: Json, failed: set[str]
) -> None:
    connection = await _connection(admin)
    [verdict] = (await _explain(admin, event=event, connectionId=connection["$id"]))["connections"]
    assert {step["check"] for step in verdict["steps"] if not step["passed"]} == failed
    assert verdict["delivered"] == (not failed)
    assert verdict["subscriptions"] == ([] if failed else ["s"])
    assert all(step["explanation"] for step in verdict["steps"])


async def test_messages_that_were_refused_are_told(admin: httpx.AsyncClient, guest: ClientConnection) -> None:
    event = {"roles": ["any"], "channels": ["files"], "payload": {"name": "wanted.txt"}}
    refused = [{"subscriptionId": "t", "channels": ["files"], "queries": ['{"method":"limit","values":[1]}']}]
    good = [{"subscriptionId": "u", "channels": ["files"]}]
    for rows, answers in ((refused, 1), (refused + good, 2)):
        await guest.send(json.dumps({"type": "subscribe", "data": rows}))
        for _ in range(answers):
            await guest.recv()
    connection = await _connection(admin)
    assert connection["refusedMessages"] == 2
    [verdict] = (await _explain(admin, event=event, connectionId=connection["$id"]))["connections"]
    [step] = [step for step in verdict["steps"] if step["check"] == "refused"]
    assert step["explanation"].startswith("2 of this connection's messages were refused, the last with 1003")
    assert (step["passed"], verdict["delivered"], verdict["subscriptions"]) == (True, True, ["s", "u"])


async def test_what_programs_get_is_explained(server: TidewireServer, admin: httpx.AsyncClient) -> None:
    """Events that nobody may read the subject of reach them too, and so it says."""
    key = {"X-Appwrite-Key": server.create_key("realtime.read")}
    url = f"{server.realtime}?project={server.project}&channels[]=files"
    async with connect(url, additional_headers=key, proxy=None) as program:
        assert json.loads(await program.recv())["data"]["program"]
        body = {"bucketId": "closed", "name": "closed"}
        assert (await admin.post("/storage/buckets", json=body)).status_code == 201
        file = {"file": ("a.txt", b"x")}
        await admin.post("/storage/buckets/closed/files", data={"fileId": "a"}, files=file)
        received = json.loads(await program.recv())["data"]
        explanation = await _explain(
            admin, offset=received["offset"], connectionId=(await _connection(admin))["$id"]
        )
        [verdict] = explanation["connections"]
        assert (explanation["roles"], verdict["delivered"]) == ([], True)
        [role] = [step for step in verdict["steps"] if step["check"] == "role"]
        assert "API key" in role["explanation"]


async def test_an_event_of_the_log_is_explained_as_it_was_delivered(
    admin: httpx.AsyncClient, guest: ClientConnection
) -> None:
    body = {"bucketId": "b", "name": "b", "permissions": ['read("any")']}
    assert (await admin.post("/storage/buckets", json=body)).status_code == 201
    for name in ("other.txt", "wanted.txt"):
        file = {"file": (name, b"x")}
        await admin.post("/storage/buckets/b/files", data={"fileId": name.replace(".", "-")}, files=file)
    received = json.loads(await guest.recv())["data"]
    assert received["payload"]["name"] == "wanted.txt"
    connection_id = (await _connection(admin))["$id"]
    for offset, delivered in ((received["offset"] - 1, False), (received["offset"], True)):
        explanation = await _explain(admin, offset=offset, connectionId=connection_id)
        assert explanation["channels"][0] == "files"
        assert explanation["connections"][0]["delivered"] == delivered
    refused = await admin.post(
        "/realtime/explain", json={"offset": received["offset"] + 1, "connectionId": connection_id}
    )
    assert refused.status_code == 400


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"offset": 1},
        {"connectionId": "x"},
        {"offset": 1, "event": {}, "connectionId": "x"},
        {"event": {"roles": 5}, "connectionId": "x"},
        {"event": {"roles": [], "channels": []}, "userId": "nobody"},
    ],
)
async def test_senseless_questions_are_refused(admin: httpx.AsyncClient, given: Json) -> None:
    response = await admin.post("/realtime/explain", json=given)
    assert (response.status_code, response.json()["type"]) == (400, "general_argument_invalid")


async def test_keys_need_the_scope(server: TidewireServer) -> None:
    for scopes, status in (("files.read", 401), ("realtime.read", 200)):
        headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": server.create_key(scopes)}
        async with httpx.AsyncClient(base_url=server.endpoint, headers=headers) as client:
            assert (await client.get("/realtime/connections")).status_code == status


async def test_metrics_are_served_to_who_has_the_key(server: TidewireServer, guest: ClientConnection) -> None:
    base = server.endpoint.removesuffix("/v1")
    async with httpx.AsyncClient(base_url=base) as client:
        for wrong in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {KEY}"}):
            assert (await client.get("/metrics", headers=wrong)).status_code == 401
        response = await client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"})
    assert response.status_code == 200
    families = {family.name: family for family in text_string_to_metric_families(response.text)}
    assert families.keys() == {metric.name.removesuffix("_total") for metric in METRICS}
    values = {name: [sample.value for sample in family.samples] for name, family in families.items()}
    assert values["tidewire_realtime_connections"] == [1.0]
    assert values["tidewire_realtime_subscriptions"] == [1.0]


async def test_metrics_are_off_by_default(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = TidewireServer(tmp_path_factory.mktemp("off")).start()
    try:
        async with httpx.AsyncClient(base_url=server.endpoint.removesuffix("/v1")) as client:
            assert (await client.get("/metrics", headers={"Authorization": "Bearer x"})).status_code == 404
    finally:
        server.stop()
