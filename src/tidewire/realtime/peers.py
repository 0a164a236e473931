"""Peers: what the realtime parts of several processes tell each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from tidewire.channels.repeats import RepeatKey, Repeats
from tidewire.core.custom_channels import Member
from tidewire.core.events import Event
from tidewire.realtime.presence.channel_presence import HERE, ChannelKey, ChannelPresence
from tidewire.realtime.runtime.meters import Meters
from tidewire.store.records.sent_messages import SentMessage


class UnloggedEvent(msgspec.Struct, frozen=True, tag="event", array_like=True):
    """An event that is in no log, for the other processes to deliver."""

    project_id: str
    event: Event


class Sent(msgspec.Struct, frozen=True, tag="sent", array_like=True):
    """Note of a message that was sent with an idempotency key."""

    key: RepeatKey
    digest: str
    message_id: str
    created_at: int


class MemberChanges(msgspec.Struct, frozen=True, tag="members", array_like=True):
    """Members that have joined a channel or left it, as one process sees it."""

    channel: ChannelKey
    joined: list[Member]
    left: list[str]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(UnloggedEvent | Sent | MemberChanges).decode


class Send(Protocol):
    """Sends a frame to all other processes."""

    def __call__(self, frame: bytes, *, may_be_lost: bool = True) -> int:
        """Send a frame; return to how many processes it was not sent, because too much waited already.

        A frame that may not be lost arrives, or the greeting is sent again.
        """


class Peers:
    """Talks to the other processes over the mesh (:mod:`tidewire.bus.mesh`)."""

    def __init__(
        self,
        pass_on: Callable[[str, Event], None],
        repeats: Repeats,
        channel_presence: ChannelPresence,
        meters: Meters,
    ) -> None:
        self._pass_on = pass_on
        self._repeats = repeats
        self._channel_presence = channel_presence
        self._meters = meters
        self._send: Send | None = None
        """Sends a frame to all other processes; None if there are none."""

    def connect(self, send: Send) -> None:
        """Begin to talk to other processes, which ``send`` reaches."""
        self._send = send

    def tell_event(self, project_id: str, event: Event) -> None:
        """Have the others deliver an event that is in no log."""
        if self._send is not None:
            self._meters.dropped += self._send(_encode(UnloggedEvent(project_id, event)))

    def tell_sent(self, key: RepeatKey, sent: SentMessage) -> None:
        """Have the others recognise a message when it is sent again."""
        if self._send is not None:
            self._send(_encode(Sent(key, sent.digest, sent.id, sent.created_at)))

    def tell_members(self, channel: ChannelKey, joined: list[Member], left: list[str]) -> None:
        """Tell the others which members have joined a channel here, and which have left it."""
        if self._send is not None:
            self._send(_encode(MemberChanges(channel, joined, left)), may_be_lost=False)

    def greeting(self) -> Sequence[bytes]:
        """What another process is told first: the members of the channels here."""
        seen = self._channel_presence.seen_by(HERE)
        return [_encode(MemberChanges(channel, members, [])) for channel, members in seen]

    def received(self, link: object, frame: bytes) -> None:
        """Take a frame of another process."""
        told = _decode(frame)
        if isinstance(told, UnloggedEvent):
            self._pass_on(told.project_id, told.event)
        elif isinstance(told, MemberChanges):
            self._channel_presence.joined(link, told.channel, told.joined)
            self._channel_presence.left(link, told.channel, told.left)
        else:
            self._repeats.note(told.key, SentMessage(told.digest, told.message_id, told.created_at, 0))

    def lost(self, link: object) -> None:
        """Another process has gone, or will greet again."""
        self._channel_presence.drop(link)
