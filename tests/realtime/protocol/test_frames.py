"""Framing: any text, any tail, whole again at the client."""

from __future__ import annotations

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.realtime.world import read_frames, read_messages
from tidewire.core.events import Event, LoggedEvent
from tidewire.realtime.protocol.event_frames import EVENT_STREAM, EventFrame, subscription_tail
from tidewire.realtime.protocol.frames import connected
from tidewire.realtime.protocol.framing import MAX_FRAGMENT, close_message, text_message


def event_frame(text: str) -> EventFrame:
    return EventFrame(logged(msgspec.json.encode({"text": text})), "e1")


def logged(payload: bytes, offset: int = 7) -> LoggedEvent:
    event = Event(
        pattern="buckets.[bucketId].files.[fileId].create",
        parameters={"bucketId": "b", "fileId": "f"},
        channels=["files"],
        roles=["any"],
        payload=payload,
        timestamp=1_772_359_200_123,
    )
    return LoggedEvent("p", offset, event)


texts = st.builds(
    lambda piece, length: (piece * length)[: 3 * MAX_FRAGMENT],
    st.text(min_size=1, max_size=8),
    st.integers(1, 2 * MAX_FRAGMENT),
)


@given(texts)
def test_fragments_are_small_and_end_between_characters(text: str) -> None:
    frames = read_frames(text_message(text.encode("utf-8", "surrogatepass")))
    assert all(0 < len(frame.data) <= MAX_FRAGMENT for frame in frames)
    assert [frame.fin for frame in frames] == [False] * (len(frames) - 1) + [True]
    assert "".join(bytes(frame.data).decode("utf-8", "surrogatepass") for frame in frames) == text


@given(st.integers(0, 3 * MAX_FRAGMENT), st.sampled_from("aé漢😀"), st.integers(1, 1500))
def test_every_receiver_gets_the_whole_event(length: int, letter: str, ids: int) -> None:
    text = letter * (length // len(letter.encode()))
    names = [f"subscription{number}" for number in range(ids)]
    message = event_frame(text).message(subscription_tail(names))
    frames = read_frames(message)
    assert all(0 < len(frame.data) <= MAX_FRAGMENT for frame in frames)
    for frame in frames:
        bytes(frame.data).decode()
    [event] = read_messages(message)
    assert event["data"]["payload"] == {"text": text}
    assert event["data"]["subscriptions"] == names


def test_the_event_frame_is_as_documented() -> None:
    [event] = read_messages(event_frame("x").message(subscription_tail(["s"])))
    assert list(event["data"]) == ["events", "channels", "timestamp", "payload", "subscriptions", "offset"]
    assert event["type"] == "event"
    assert event["data"]["events"][0] == "buckets.b.files.f.create"
    assert event["data"]["timestamp"] == "2026-03-01T10:00:00.123+00:00"
    assert event["data"]["offset"] == 7


@given(st.integers(0, 2 * MAX_FRAGMENT), st.integers(1, 2500), st.booleans())
def test_an_event_stream_gets_the_same_event_with_its_position(length: int, ids: int, broken: bool) -> None:
    """A line break in the JSON begins another line of data, which the client joins again."""
    payload = msgspec.json.encode({"text": "é" * length})
    payload = payload.replace(b":", b":\n\n") if broken else payload
    frame = EventFrame(logged(payload), "e1")
    names = [f"s{number}" for number in range(ids)]
    block = frame.message(subscription_tail(names), EVENT_STREAM)
    head, _, body = block.partition(b"data: ")
    assert head == b"id: e1:7\nevent: event\n"
    assert block.endswith(b"\n\n")
    data = json.loads(b"\n".join(line.removeprefix(b"data: ") for line in body[:-2].split(b"\n")))
    [message] = read_messages(frame.message(subscription_tail(names)))
    assert data == message


def test_an_unlogged_event_has_no_id() -> None:
    frame = EventFrame(logged(b"{}", offset=0), "e1")
    block = frame.message(subscription_tail(["s"]), EVENT_STREAM)
    assert block.startswith(b"event: event\ndata: {")


def test_receivers_with_equal_lengths_share_the_head() -> None:
    frame = event_frame("x" * MAX_FRAGMENT)
    tails = [subscription_tail([name]) for name in ("s1", "s2", "s10")]
    assert [len(frame.message(tail)) > 0 for tail in tails] == [True] * 3
    assert len(frame.heads) == 2


def test_connected_has_an_object_of_slots_or_an_empty_list() -> None:
    message = json.loads(connected([], None, None))
    assert message == {"type": "connected", "data": {"channels": [], "subscriptions": [], "user": None}}
    message = json.loads(connected(["files"], {"0": "id"}, None))
    assert message["data"]["subscriptions"] == {"0": "id"}


def test_close_frames_carry_their_status() -> None:
    [frame] = read_frames(close_message(1013, "slow"))
    assert bytes(frame.data) == b"\x03\xf5slow"
