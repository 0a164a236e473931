"""Channel presence: who is on the custom channels, over all processes of the server."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from tidewire.core.custom_channels import Member

ChannelKey = tuple[str, str]
"""A project's id and the name of a custom channel of it."""
Tell = Callable[[ChannelKey, Member, bool], None]
"""A function that is called when a member has joined (True) or left (False)."""


class _Stay:
    """A member's stay on a channel."""

    __slots__ = ("leaves_at", "member", "sources")

    def __init__(self, member: Member) -> None:
        self.member = member
        self.sources: set[object] = set()
        """The processes with connections of the member; none: it is about to leave."""
        self.leaves_at = 0.0


class _Leave(NamedTuple):
    at: float
    channel: ChannelKey
    member_id: str


class ChannelPresence:
    """The members of all custom channels, as this process and the others see them.

    Each process is a source that tells which members it sees. A member is on a channel while one source sees
    it, and for ``leave_seconds`` longer, so that a client that reconnects has not left.
    """

    def __init__(self, leave_seconds: float, tell: Tell) -> None:
        self._leave_seconds = leave_seconds
        self._tell = tell
        self._stays: dict[ChannelKey, dict[str, _Stay]] = {}
        self._leaving: deque[_Leave] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def joined(self, source: object, channel: ChannelKey, members: Iterable[Member]) -> None:
        """A source sees members that it did not see before."""
        stays = self._stays.setdefault(channel, {})
        for member in members:
            stay = stays.get(member.id)
            if stay is None:
                stay = stays[member.id] = _Stay(member)
                self._tell(channel, member, True)
            stay.sources.add(source)
        if not stays:
            del self._stays[channel]

    def left(self, source: object, channel: ChannelKey, member_ids: Iterable[str]) -> None:
        """A source sees members no more."""
        stays = self._stays.get(channel, {})
        for member_id in member_ids:
            stay = stays.get(member_id)
            if stay is not None and source in stay.sources:
                stay.sources.discard(source)
                if not stay.sources:
                    self._schedule(channel, stay)

    def drop(self, source: object) -> None:
        """A source sees nobody any more: it has gone."""
        for channel, stays in self._stays.items():
            self.left(source, channel, [name for name, stay in stays.items() if source in stay.sources])

    def forget(self, project_id: str) -> None:
        """A project was deleted."""
        for channel in [channel for channel in self._stays if channel[0] == project_id]:
            del self._stays[channel]

    def members(self, channel: ChannelKey) -> list[Member]:
        """The members of a channel, in the order in which they joined."""
        stays = self._stays.get(channel, {}).values()
        return sorted((stay.member for stay in stays), key=lambda member: (member.joined_at, member.id))

    def count(self, channel: ChannelKey) -> int:
        """How many are on a channel."""
        return len(self._stays.get(channel, ()))

    def seen_by(self, source: object) -> Iterator[tuple[ChannelKey, list[Member]]]:
        """The channels and members that one source sees."""
        for channel, stays in self._stays.items():
            members = [stay.member for stay in stays.values() if source in stay.sources]
            if members:
                yield channel, members

    def close(self) -> None:
        """Tell of no member any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _schedule(self, channel: ChannelKey, stay: _Stay) -> None:
        loop = asyncio.get_running_loop()
        stay.leaves_at = loop.time() + self._leave_seconds
        # All leaves take equally long: the first to be scheduled is the first to happen.
        self._leaving.append(_Leave(stay.leaves_at, channel, stay.member.id))
        if self._timer is None:
            self._timer = loop.call_at(stay.leaves_at, self._leave)

    def _leave(self) -> None:
        loop = asyncio.get_running_loop()
        moment = loop.time()
        self._timer = None
        while self._leaving and self._leaving[0].at <= moment:
            at, channel, member_id = self._leaving.popleft()
            stays = self._stays.get(channel, {})
            stay = stays.get(member_id)
            if stay is None or stay.sources or stay.leaves_at != at:
                continue  # the member came back
            del stays[member_id]
            self._tell(channel, stay.member, False)
            if not stays:
                del self._stays[channel]
        if self._leaving:
            self._timer = loop.call_at(self._leaving[0].at, self._leave)


HERE: Final = "here"
"""The source that is this process."""
