"""Fan-out in slices: large crowds and small ones, and connections that change in between."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.realtime.world import Client, Wire, World
from tidewire.core.events import Event, LoggedEvent
from tidewire.realtime.fanout import fanout
from tidewire.realtime.fanout.fanout import BATCH_EVENTS, FEW, FIRST, LEAST, MOST, SliceSizer
from tidewire.realtime.protocol.event_frames import EventFrame

COUNT = 3 * FIRST + 7
SUBSCRIBE = json.dumps({"type": "subscribe", "data": [{"subscriptionId": "s", "channels": ["files"]}]})
UNSUBSCRIBE = '{"type":"unsubscribe","data":[{"subscriptionId":"s"}]}'
assert COUNT > FEW


async def _crowd(world: World) -> None:
    for number in range(COUNT):
        await _connect(world, f"c{number}", sockets=number % 16 == 1)
        await world.send(f"c{number}", SUBSCRIBE)


async def _connect(world: World, name: str, *, sockets: bool) -> Client:
    """A client that has been asked in this round: with sockets, its events may be written to these."""
    client = await world.connect(name, sockets=sockets)
    if sockets:
        client.round = client.fast_round = world.hub.acknowledgements.round
    return client


def _event(world: World, number: int, *channels: str, size: int = 0) -> LoggedEvent:
    event = Event(
        pattern="buckets.[bucketId].files.[fileId].create",
        parameters={"bucketId": "b", "fileId": f"f{number}"},
        channels=list(channels or ("files",)),
        roles=["any"],
        payload=json.dumps({"padding": "x" * size}).encode(),
        timestamp=0,
    )
    return LoggedEvent(world.hub.project_id, number, event)


def _offsets(world: World, name: str) -> list[int]:
    return [frame["data"]["offset"] for frame in world.clients[name].wire.take()]


async def test_a_large_crowd_is_served_while_the_loop_runs() -> None:
    world = World()
    await _crowd(world)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    received = await world.publish(["any"], ["files"])
    ticking.cancel()
    assert len(received) == COUNT
    assert ticks >= 3, "slices of 128, 256 and 7"


def test_turns_grow_until_there_are_others_to_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 0.0
    monkeypatch.setattr("time.perf_counter", lambda: moment)
    own = SliceSizer()
    sizes = []
    for meanwhile in (1.0, 5e-6, 5e-6, 5e-6, 1e-3, 5e-6, 1e-3):
        moment += meanwhile
        sizes.append(own.size())
        moment += 1e-3
        own.end_slice()
    assert sizes == [FIRST, 2 * FIRST, MOST, MOST, LEAST, 2 * LEAST, LEAST]
    own.begin()
    assert own.size() == FIRST


async def test_events_for_few_do_not_wait_for_a_crowd() -> None:
    world = World()
    await _crowd(world)
    await world.connect("both")
    for name, channels in (("both", ["files", "room"]), ("few", ["room"])):
        if name not in world.clients:
            await world.connect(name)
        data = [{"subscriptionId": "s", "channels": channels}]
        await world.send(name, json.dumps({"type": "subscribe", "data": data}))
    await world.hub.publish(_event(world, 1))
    await world.hub.publish(_event(world, 2, "room"))
    assert not world.hub.is_idle, "the crowd's event is on its way"
    assert _offsets(world, "few") == [2]
    assert _offsets(world, "both") == [1, 2], "what is older first, out of turn"
    await world.settle()
    assert _offsets(world, "both") == []
    assert all(_offsets(world, f"c{number}") == [1] for number in range(COUNT))
    for name in list(world.clients):
        world.close(name)
    assert world.hub.is_empty


async def test_a_crowd_that_leaves_before_its_turn_stops_no_other() -> None:
    world = World()
    await _crowd(world)
    await world.hub.publish(_event(world, 1))
    for name in list(world.clients):
        world.close(name)
    await world.hub.publish(_event(world, 2))
    for _ in range(3):
        await asyncio.sleep(0)  # its turn comes
    await world.connect("few")
    await world.send("few", SUBSCRIBE)
    await world.hub.publish(_event(world, 3))
    assert _offsets(world, "few") == [3]
    await world.settle()
    await _crowd(world)
    await world.hub.publish(_event(world, 4))
    await world.settle()
    assert all(_offsets(world, name) == [4] for name in world.clients)


async def test_connections_that_change_between_slices() -> None:
    world = World()
    await _crowd(world)
    left, unsubscribed, logged_in, replaced = (f"c{number}" for number in range(4))
    world.users.stored["u1"] = {"$id": "u1"}
    gone = world.clients[left]
    await world.hub.publish(_event(world, 1))
    world.close(left)
    assert not gone.wire.take()
    for name, text in (
        (unsubscribed, UNSUBSCRIBE),
        (logged_in, '{"type":"authentication","data":{"session":"@u1"}}'),
        (replaced, SUBSCRIBE),
    ):
        kinds = [message["type"] for message in await world.exchange(name, text)]
        assert kinds == ["event", "response"], "what was matched before comes before the answer"
    assert not world.hub.is_idle
    await world.settle()
    for name in (unsubscribed, logged_in, replaced):
        assert not world.clients[name].wire.take()


async def test_waiting_events_are_written_together_and_in_order() -> None:
    world = World()
    await _crowd(world)
    await world.connect("other")
    for number in range(1, 4):
        await world.hub.publish(_event(world, number), more=True)
    assert not any(client.wire.take() for client in world.clients.values())
    await world.hub.publish(_event(world, 4))
    for client in world.clients.values():
        client.wire.arrive()
    writes = {name: client.wire.writes for name, client in world.clients.items()}
    await world.settle()
    assert _offsets(world, "other") == []
    for name, client in world.clients.items():
        if name != "other":
            assert _offsets(world, name) == [1, 2, 3, 4]
            assert client.wire.writes == writes[name] + 1


async def test_what_waited_does_not_reach_those_who_left_meanwhile() -> None:
    world = World()
    stays, leaves = [await world.connect(name) for name in ("stays", "leaves")]
    for name in ("stays", "leaves"):
        await world.send(name, SUBSCRIBE)
    await world.hub.publish(_event(world, 1), more=True)
    world.close("leaves")
    await world.hub.flush()
    assert len(stays.wire.take()) == 1
    assert not leaves.wire.take()


async def test_no_more_than_a_batch_is_on_its_way() -> None:
    world = World()
    await _crowd(world)
    publishing = asyncio.create_task(_publish_many(world, 3 * BATCH_EVENTS))
    most = 0
    while not publishing.done():
        most = max(most, len(world.hub._fanout._deliveries))
        await asyncio.sleep(0)
    await world.settle()
    assert BATCH_EVENTS <= most <= 2 * BATCH_EVENTS
    assert _offsets(world, "c0") == list(range(1, 3 * BATCH_EVENTS + 1))


async def _publish_many(world: World, count: int) -> None:
    for number in range(1, count + 1):
        await world.hub.publish(_event(world, number), more=number < count)


async def test_a_socket_that_is_full_gets_the_rest_through_its_transport() -> None:
    world = World()
    client = await _connect(world, "full", sockets=True)
    await world.send("full", SUBSCRIBE)
    client.wire = client.transport = Wire()
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        client.descriptor = near.fileno()
        await world.hub.publish(_event(world, 1))
        await world.hub.publish(_event(world, 2, size=2_000_000))
        taken = b""
        while chunk := _received(far):
            taken += chunk
        whole = bytes(client.wire.data)
        assert taken
        assert whole
        client.wire.data[:] = taken + whole
    assert _offsets(world, "full") == [1, 2]


def _received(far: socket.socket) -> bytes:
    try:
        return far.recv(1 << 20, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""


async def test_an_event_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    await _crowd(world)
    monkeypatch.setattr(world.clients["c5"].wire, "write", _fail)
    await world.hub.publish(_event(world, 1))
    await world.settle()
    monkeypatch.undo()
    assert [name for name, client in world.clients.items() if client.given_up] == ["c5"]
    await world.hub.publish(_event(world, 2))
    await world.settle()
    assert all(2 in _offsets(world, f"c{number}") for number in range(COUNT))


async def test_who_was_to_be_written_to_with_one_that_fails_gets_the_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    await _crowd(world)
    monkeypatch.setattr(world.clients["c100"].wire, "write", _fail)
    await world.hub.publish(_event(world, 1))
    await world.settle()
    assert [_offsets(world, name) for name in ("c129", "c113")] == [[1], [1]]


async def test_an_event_that_cannot_be_framed_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    await _connect(world, "few", sockets=False)
    await world.send("few", SUBSCRIBE)
    around = EventFrame.around

    def fail_for_the_first(frame: EventFrame, length: int, window: int) -> tuple[bytes, bytes]:
        if frame.end == b',"offset":1}}':
            raise MemoryError
        return around(frame, length, window)

    monkeypatch.setattr(EventFrame, "around", fail_for_the_first)
    for number in (1, 2):
        await world.hub.publish(_event(world, number), more=number < 2)
    assert world.clients["few"].given_up, "it gets the first from the log"
    await world.hub.publish(_event(world, 3))
    assert 3 in _offsets(world, "few")
    assert world.hub.is_idle


def _fail(_data: bytes) -> None:
    raise RuntimeError("a write that fails")


Step = tuple[str, int]
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.integers(0, 3)),
        st.tuples(st.just("loop"), st.integers(1, 3)),
        st.tuples(st.just("large"), st.integers(0, 3)),
        st.tuples(st.just("subscribe"), st.integers(0, 11)),
        st.tuples(st.just("unsubscribe"), st.integers(0, 11)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(_STEPS)
def test_every_connection_gets_its_events_once_and_in_order(steps: list[Step]) -> None:
    """Whatever overtakes: connection ``n`` of twelve is in room 0, and in room ``n % 4``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fanout, "FEW", 3)
        patch.setattr(fanout, "SLICE", 2)
        for size in ("FIRST", "LEAST", "MOST"):
            patch.setattr(fanout, size, 2)
        patch.setattr(fanout, "BATCH_BYTES", 2000)
        asyncio.run(_overtaking(steps))


async def _overtaking(steps: list[Step]) -> None:
    world = World()
    expected: dict[str, list[int]] = {}
    subscribed: dict[str, list[str]] = {}
    for number in range(12):
        name = f"c{number}"
        await _connect(world, name, sockets=number % 3 == 0)
        expected[name], subscribed[name] = [], []
    got: dict[str, list[int]] = {name: [] for name in expected}
    offset = 0
    for kind, number in [("subscribe", number) for number in range(12)] + steps:
        name = f"c{number}"
        if kind == "loop":
            for _ in range(number):
                await asyncio.sleep(0)
        elif kind == "subscribe":
            rooms = ["room0", f"room{number % 4}"]
            world.hub.subscribe(world.clients[name], "s" * (1 + number % 2), rooms, None)
            subscribed[name] = rooms
        elif kind == "unsubscribe":
            world.hub.unsubscribe(world.clients[name], "s" * (1 + number % 2))
            subscribed[name] = []
            got[name] += _offsets(world, name)
            assert got[name] == expected[name], "nothing comes after it is unsubscribed"
        else:
            offset += 1
            room = f"room{number}"
            for other, rooms in subscribed.items():
                if room in rooms:
                    expected[other].append(offset)
            logged = _event(world, offset, room, size=1500 if kind == "large" else 0)
            await world.hub.publish(logged, more=kind == "wait")
            world.hub.progress.received = offset
    await world.hub.flush()
    await world.settle()
    for name in expected:
        assert got[name] + _offsets(world, name) == expected[name]
        world.close(name)
    assert world.hub.is_empty
