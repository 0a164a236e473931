"""Local presence: which connections of this process make their users members of custom channels."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from tidewire.core.custom_channels import PREFIX, ChannelRule, Member, custom_channel, holds_any
from tidewire.core.time import now
from tidewire.realtime.matching.index import Index
from tidewire.realtime.presence.channel_presence import HERE, ChannelPresence
from tidewire.realtime.receivers.receiver import EVERYTHING, Receiver, Subscription
from tidewire.realtime.runtime.tasks import stop

SLICE: Final = 100
"""Connections that are looked at before the event loop gets to serve others."""
RETRY_SECONDS: Final = 1.0

_log: Final = structlog.get_logger(__name__)

RuleOf = Callable[[str], Awaitable[ChannelRule | None]]
Tell = Callable[[str, list[Member], list[str]], None]
"""Tells other processes who has joined and who has left a channel, as far as this process sees."""


class LocalPresence:
    """The members that connections to one project make.

    A connection makes its user, or a guest itself, a member of a channel while it is subscribed to it and
    holds one of the roles that may read it, and while the channel's rule says that members are known.
    Whatever may have changed that is looked at again, a moment later.
    """

    def __init__(
        self,
        project_id: str,
        index: Index,
        rule_of: RuleOf,
        name_of: Callable[[Receiver], str],
        channel_presence: ChannelPresence,
        tell: Tell,
    ) -> None:
        """``name_of`` names the connection of a guest."""
        self._project_id = project_id
        self._index = index
        self._rule_of = rule_of
        self._name_of = name_of
        self._channel_presence = channel_presence
        self._tell = tell
        self._here: dict[Receiver, dict[str, str]] = {}
        """For each connection, the channels that it makes its user a member of, with the ids of the
        members."""
        self._counts: dict[tuple[str, str], int] = {}
        """For each channel and member id, how many connections make the member."""
        self._due: dict[Receiver, None] = {}
        """Connections to be looked at again."""
        self._task: asyncio.Task[None] | None = None

    def rule_changed(self, pattern: str) -> None:
        """The rule for a channel, or a family of them, was made, changed or deleted."""
        for channel in self._index.channels_below(PREFIX + pattern.removesuffix("*")):
            self._look_at(*self._index.subscribers(channel))

    async def close(self) -> None:
        """Look at no connection any more."""
        await stop(self._task)

    def touched(self, subscription: Subscription) -> None:
        """A subscription was made or removed."""
        if any(name.startswith(PREFIX) for name in subscription.channels):
            self._look_at(subscription.receiver)

    def _look_at(self, *receivers: Receiver) -> None:
        self._due.update(dict.fromkeys(receivers))
        if self._due and self._task is None:
            self._task = asyncio.create_task(self._look_at_all(), name=f"members in {self._project_id}")

    async def _look_at_all(self) -> None:
        looked_at = 0
        try:
            while self._due:
                receiver = next(iter(self._due))
                try:
                    del self._due[receiver]
                    await self._update(receiver)
                except Exception:
                    _log.exception("members not updated", project=self._project_id)
                    self._due[receiver] = None
                    await asyncio.sleep(RETRY_SECONDS)
                looked_at += 1
                if looked_at % SLICE == 0:
                    await asyncio.sleep(0)
        finally:
            self._task = None

    async def _update(self, receiver: Receiver) -> None:
        rules = await self._rules_for(receiver)
        # What changed while rules were read is looked at once more.
        foreign = receiver.login is not None and receiver.login.foreign
        counts = receiver.subscriptions and receiver.roles != EVERYTHING and not foreign
        member_id = receiver.user_id or self._name_of(receiver)
        after = {
            name: member_id
            for name, rule in rules.items()
            if counts and receiver.roles and holds_any(receiver.roles, rule.read)
        }
        before = self._here.pop(receiver, {})
        if after:
            self._here[receiver] = after
        for name, former in before.items():
            if after.get(name) != former:
                self._end(name, former)
        for name in after:
            if before.get(name) != member_id:
                self._begin(name, member_id, receiver.user_id)

    async def _rules_for(self, receiver: Receiver) -> dict[str, ChannelRule]:
        """The rules, by channel, of the channels that the connection wants and whose members are told."""
        wanted = [channel for held in receiver.subscriptions.values() for channel in held.channels]
        rules: dict[str, ChannelRule] = {}
        for name in dict.fromkeys(map(custom_channel, wanted)):
            rule = await self._rule_of(name) if name else None
            if name and rule is not None and rule.presence:
                rules[name] = rule
        return rules

    def _begin(self, channel: str, member_id: str, user_id: str) -> None:
        key = (channel, member_id)
        self._counts[key] = self._counts.get(key, 0) + 1
        if self._counts[key] == 1:
            member = Member(member_id, user_id, now())
            self._channel_presence.joined(HERE, (self._project_id, channel), [member])
            self._tell(channel, [member], [])

    def _end(self, channel: str, member_id: str) -> None:
        key = (channel, member_id)
        self._counts[key] -= 1
        if not self._counts[key]:
            del self._counts[key]
            self._channel_presence.left(HERE, (self._project_id, channel), [member_id])
            self._tell(channel, [], [member_id])
