"""Server-Sent Events on a real server: the frames of the socket, and streams that go on where they were."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.server import TidewireServer


@dataclass
class Received:
    """One event of a stream."""

    kind: str
    id: str
    data: Any

    @property
    def name(self) -> str:
        """Name of the file in it."""
        return str(self.data["data"]["payload"]["name"])


class Stream:
    """An open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> Received:
        """The next event; raises StopAsyncIteration at the end of the stream."""
        fields: dict[str, str] = {}
        while True:
            line = await anext(self._lines)
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields.get("event") == "place":
                fields = {}
            elif not line and fields:
                return Received(fields["event"], fields.get("id", ""), json.loads(fields["data"]))

    async def place(self) -> str:
        """The next ``id`` that comes with an event that says nothing else."""
        last = ""
        async for line in self._lines:
            last = line.removeprefix("id: ") if line.startswith("id: ") else last
            if line == "event: place":
                assert [await anext(self._lines), await anext(self._lines)] == ["data: {}", ""]
                return last
        raise AssertionError("the stream ended")

    async def names(self, count: int) -> list[str]:
        """Names of the files in the next events."""
        return [(await self.next()).name for _ in range(count)]


@dataclass
class Place:
    """A bucket that everyone may read, and how to reach its server."""

    server: TidewireServer
    rest: httpx.AsyncClient
    bucket: str

    async def upload(self, *names: str, permissions: list[str] | None = None) -> None:
        """Cause events."""
        for name in names:
            data: dict[str, Any] = {"fileId": "unique()"}
            if permissions is not None:
                data["permissions[]"] = permissions
            path = f"/storage/buckets/{self.bucket}/files"
            (await self.rest.post(path, data=data, files={"file": (name, b"x")})).raise_for_status()

    @asynccontextmanager
    async def stream(self, headers: dict[str, str] | None = None, **parameters: Any) -> AsyncIterator[Stream]:
        """Open a stream of the bucket's events."""
        given = {"project": self.server.project, "channels[]": f"buckets.{self.bucket}.files", **parameters}
        async with (
            httpx.AsyncClient(timeout=60) as client,
            client.stream(
                "GET", f"{self.server.endpoint}/realtime/sse", params=given, headers=headers
            ) as response,
        ):
            yield Stream(response)


@asynccontextmanager
async def place_on(server: TidewireServer, key: str) -> AsyncIterator[Place]:
    """A new bucket on a server."""
    headers = {"X-Appwrite-Project": server.project, "X-Appwrite-Key": key}
    async with httpx.AsyncClient(base_url=server.endpoint, headers=headers, timeout=60) as rest:
        body = {"bucketId": "unique()", "name": "b", "permissions": ['read("any")'], "fileSecurity": False}
        bucket = (await rest.post("/storage/buckets", json=body)).json()["$id"]
        yield Place(server, rest, bucket)


@pytest.fixture
async def place(server: TidewireServer, api_key: str) -> AsyncIterator[Place]:
    """A new bucket on the shared server."""
    async with place_on(server, api_key) as made:
        yield made


async def test_the_frames_of_the_socket(place: Place) -> None:
    async with place.stream() as stream:
        assert stream.response.status_code == 200
        assert stream.response.headers["content-type"] == "text/event-stream"
        connected = await stream.next()
        assert (connected.kind, connected.data["data"]["user"]) == ("connected", None)
        place_in_log = connected.data["data"]
        assert connected.id == f"{place_in_log['epoch']}:{place_in_log['offset']}"
        await place.upload("a", "b")
        first, second = await stream.next(), await stream.next()
    assert (first.kind, first.name, second.name) == ("event", "a", "b")
    assert first.id == f"{place_in_log['epoch']}:{first.data['data']['offset']}"
    assert first.data["type"] == "event"


async def test_programs_are_told_their_place_too(place: Place, api_key: str) -> None:
    async with place.stream({"X-Appwrite-Key": api_key}) as stream:
        connected = await stream.next()
    data = connected.data["data"]
    assert (data["program"], connected.id) == (True, f"{data['epoch']}:{data['offset']}")


async def test_queries_for_all_channels(place: Place) -> None:
    query = json.dumps({"method": "equal", "attribute": "name", "values": ["b"]})
    async with place.stream({}, **{"queries[]": query}) as stream:
        await stream.next()
        await place.upload("a", "b")
        assert await stream.names(1) == ["b"]


@pytest.mark.parametrize("way", ["header", "parameter"])
async def test_a_stream_goes_on_where_it_was(place: Place, way: str) -> None:
    async with place.stream() as stream:
        await stream.next()
        await place.upload("a", "b")
        last = [await stream.next(), await stream.next()][0].id
    await place.upload("c")
    headers = {"Last-Event-ID": last} if way == "header" else {}
    parameters = {} if way == "header" else {"lastEventId": last}
    async with place.stream(headers, **parameters) as stream:
        connected, told = await stream.next(), await stream.next()
        assert (told.kind, told.data["data"]["subscriptions"][0]["recovered"]) == ("response", True)
        # If it is cut off here, what it missed is still to come: it must not be told a later place.
        assert (connected.kind, connected.id, told.id) == ("connected", "", "")
        await place.upload("d")
        assert await stream.names(3) == ["b", "c", "d"]


async def test_a_place_in_another_log_is_not_recovered(place: Place) -> None:
    async with place.stream({"Last-Event-ID": "0123456789abcdef:1"}) as stream:
        await stream.next()
        told = await stream.next()
        answer = told.data["data"]
        assert answer["subscriptions"][0]["recovered"] is False
        async with asyncio.timeout(10):
            assert await stream.place() == f"{answer['epoch']}:{answer['offset']}"
        await place.upload("a")
        assert await stream.names(1) == ["a"]


async def test_a_quiet_stream_is_told_its_place(tmp_path: Path) -> None:
    """Or what happened beside it would one day look like more than can be sent again."""
    server = TidewireServer(tmp_path / "data")
    server.environment["TIDEWIRE_REALTIME_IDLE_SECONDS"] = "1"
    server.start()
    async with place_on(server, server.create_key()) as place:
        teams: dict[str, Any] = {"channels[]": "teams"}
        async with place.stream(**teams) as quiet, place.stream() as busy:
            connected = await quiet.next()
            epoch, _, offset = connected.id.partition(":")
            await busy.next()
            await place.upload("a", "b")
            last = [await busy.next(), await busy.next()][1].id
            told = ""
            async with asyncio.timeout(30):
                while told != last:
                    told = await quiet.place()
                    assert told.partition(":")[0] == epoch
                    assert int(offset) <= int(told.partition(":")[2]) <= int(last.partition(":")[2])
        assert server.stop() == 0


async def test_who_may_not_read_receives_nothing(place: Place) -> None:
    user = (await place.rest.post("/users", json={"userId": "unique()"})).json()["$id"]
    jwt = (await place.rest.post(f"/users/{user}/jwts", json={})).json()["jwt"]
    body = {"name": "b", "permissions": [], "fileSecurity": True}
    await place.rest.put(f"/storage/buckets/{place.bucket}", json=body)
    async with place.stream() as guest, place.stream(jwt=jwt) as own:
        assert (await guest.next()).data["data"]["user"] is None
        assert (await own.next()).data["data"]["user"]["$id"] == user
        await place.upload("private", permissions=[f'read("user:{user}")'])
        await place.upload("public", permissions=['read("any")'])
        assert await own.names(2) == ["private", "public"]
        assert await guest.names(1) == ["public"]


@pytest.mark.parametrize(
    ("parameters", "headers", "status", "kind"),
    [
        ({"project": "nobody"}, {}, 403, "realtime_policy_violation"),
        ({"channels[]": ""}, {"Last-Event-ID": "x"}, 400, "realtime_message_format_invalid"),
        ({"channels[]": []}, {}, 400, "realtime_message_format_invalid"),
        ({"jwt": "a.b.c"}, {}, 401, "user_jwt_invalid"),
        ({"queries[]": "nonsense"}, {}, 403, "realtime_policy_violation"),
        ({}, {"Origin": "https://elsewhere.example"}, 403, "realtime_policy_violation"),
        ({}, {"Last-Event-ID": "nonsense"}, 400, "realtime_message_format_invalid"),
    ],
)
async def test_refusals_are_statuses(
    place: Place, parameters: dict[str, Any], headers: dict[str, str], status: int, kind: str
) -> None:
    async with place.stream(headers, **parameters) as stream:
        body = json.loads(await stream.response.aread())
    assert (stream.response.status_code, body["code"], body["type"]) == (status, status, kind)
    assert "access-control-allow-origin" not in stream.response.headers


async def test_pages_that_may_connect_may_read(place: Place) -> None:
    async with place.stream({"Origin": "http://localhost:3000"}) as stream:
        assert (await stream.next()).kind == "connected"
    headers = stream.response.headers
    assert headers["access-control-allow-origin"] == "http://localhost:3000"
    assert headers["access-control-allow-credentials"] == "true"


async def test_a_stream_after_other_requests_on_its_connection(place: Place) -> None:
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=1)) as client:
        assert (
            await client.get(f"{place.server.endpoint}/locale/codes?project={place.server.project}")
        ).status_code == 200
        address = f"{place.server.endpoint}/realtime/sse"
        given = {"project": place.server.project, "channels[]": "files"}
        async with client.stream("GET", address, params=given) as response:
            assert (await Stream(response).next()).kind == "connected"
        assert (await client.post(address)).status_code == 404


async def test_streams_are_listed_and_end_with_the_server(tmp_path: Path) -> None:
    server = TidewireServer(tmp_path / "data", ["--drain-seconds", "0.2"]).start()
    async with place_on(server, server.create_key()) as place, place.stream() as stream:
        await stream.next()
        (listed,) = (await place.rest.get("/realtime/connections")).json()["connections"]
        assert listed["subscriptions"][0]["channels"] == [f"buckets.{place.bucket}.files"]
        assert server.stop() == 0
        last = await stream.next()
        assert (last.kind, last.data) == ("close", {"code": 1012})
        with pytest.raises(StopAsyncIteration):
            await stream.next()
