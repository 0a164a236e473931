"""Custom channels: their names, the rules that open them, and the messages on them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import msgspec

from tidewire.core.events import Event
from tidewire.core.permissions import problem_of_role, roles_granted
from tidewire.core.time import format_datetime

PREFIX: Final = "channels."
"""The prefix that clients write before the name of a custom channel to subscribe to it."""
MEMBERS_SUFFIX: Final = ".members"
"""The suffix that clients write after the name to learn who is on the channel."""
MAX_NAME: Final = 128
"""Characters of a name."""
MAX_ROLES: Final = 100
"""The most roles in one list of a rule."""
MAX_IDEMPOTENCY_KEY: Final = 64
"""Characters of a key that makes publishing again harmless."""

MESSAGE_CREATED: Final = "channels.[channelId].messages.[messageId].create"
MEMBER_JOINED: Final = "channels.[channelId].members.[memberId].join"
MEMBER_LEFT: Final = "channels.[channelId].members.[memberId].leave"
MEMBER_EVENTS: Final = frozenset({MEMBER_JOINED, MEMBER_LEFT})
RULE_CREATED: Final = "channels.[channelId].create"
RULE_UPDATED: Final = "channels.[channelId].update"
RULE_DELETED: Final = "channels.[channelId].delete"
RULE_CHANGES: Final = frozenset({RULE_CREATED, RULE_UPDATED, RULE_DELETED})

_SEGMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_RESERVED: Final = frozenset({"members", "messages"})
_FAMILY: Final = ".*"


def is_channel_name(text: str) -> bool:
    """Whether the text is the name of a custom channel: segments, separated by dots.

    A segment has letters, digits, hyphens and underscores and begins with a letter or digit. ``members`` and
    ``messages`` are none: they follow the name of a channel in the names of its events.
    """
    return len(text) <= MAX_NAME and all(
        _SEGMENT.fullmatch(segment) and segment not in _RESERVED for segment in text.split(".")
    )


def is_channel_pattern(text: str) -> bool:
    """Whether a rule can be for this: the name of a channel, or ``<name>.*`` for all whose names go on."""
    return len(text) <= MAX_NAME and is_channel_name(text.removesuffix(_FAMILY))


def patterns_for(name: str) -> Iterator[str]:
    """What rules for a channel can be called, the most specific first.

    ``a.b.c`` gives ``a.b.c``, ``a.b.*`` and ``a.*``.
    """
    yield name
    while "." in name:
        name = name.rpartition(".")[0]
        yield name + _FAMILY


def custom_channel(channel: str) -> str:
    """The name of the custom channel that a subscription asks for; empty if it asks for something else."""
    name = channel.removeprefix(PREFIX)
    return name if name != channel and is_channel_name(name) else ""


class InvalidRoleError(ValueError):
    """A list of roles that a rule cannot have; the text says which entry and why."""


def parse_roles(entries: Sequence[str], actions: Sequence[str]) -> list[str]:
    """The roles of a list of roles such as ``team:red``, or permissions such as ``read("team:red")``.

    ``actions`` are the types that permissions may have. Raises :class:`InvalidRoleError`.
    """
    if len(entries) > MAX_ROLES:
        raise InvalidRoleError(f"At most {MAX_ROLES} roles are allowed, not {len(entries)}.")
    roles = []
    for number, entry in enumerate(entries, start=1):
        role = next((role for action in actions for role in roles_granted([entry], action)), entry)
        problem = problem_of_role(role)
        if problem:
            raise InvalidRoleError(f"Role {number}, {entry[:100]!r}, is not valid: {problem}")
        roles.append(role)
    return list(dict.fromkeys(roles))


@dataclass(frozen=True, kw_only=True)
class ChannelRule:
    """The rule of a channel, or of a family of channels: who may do what there. Without a rule nobody may do
    anything."""

    pattern: str
    read: tuple[str, ...] = ()
    """Roles that receive messages."""
    publish: tuple[str, ...] = ()
    """Roles that may send messages."""
    history: bool = False
    """Messages are kept in the event log."""
    presence: bool = False
    """Readers may know who is on the channel."""
    rate: int = 0
    """Messages a second on one channel; 0: as the settings say."""
    publisher_rate: int = 0
    """Messages a second from one publisher; 0: as the settings say."""
    created_at: int = 0
    """Milliseconds since the epoch."""
    updated_at: int = 0


def holds_any(roles: Iterable[str], wanted: Sequence[str]) -> bool:
    """Whether somebody with ``roles``, and ``any``, holds one of ``wanted``."""
    return "any" in wanted or not set(wanted).isdisjoint(roles)


def message_event(
    name: str, message_id: str, payload: bytes, readers: Sequence[str], *, actor_id: str, timestamp: int
) -> Event:
    """The event of a message on a channel."""
    return Event(
        pattern=MESSAGE_CREATED,
        parameters={"channelId": name, "messageId": message_id},
        channels=[PREFIX + name],
        roles=list(readers),
        payload=payload,
        timestamp=timestamp,
        actor_id=actor_id,
    )


class Member(NamedTuple):
    """Somebody who is on a channel."""

    id: str
    """The id of the user, or of a guest's connection."""
    user_id: str
    """The id of the user; empty for a guest."""
    joined_at: int
    """Milliseconds since the epoch."""


def member_event(name: str, member: Member, *, joined: bool, timestamp: int) -> Event:
    """The event of somebody's coming or going. To whom it goes is decided when it is delivered."""
    payload = {
        "$id": member.id,
        "userId": member.user_id,
        "joinedAt": format_datetime(member.joined_at),
    }
    return Event(
        pattern=MEMBER_JOINED if joined else MEMBER_LEFT,
        parameters={"channelId": name, "memberId": member.id},
        channels=[PREFIX + name + MEMBERS_SUFFIX],
        roles=[],
        payload=msgspec.json.encode(payload),
        timestamp=timestamp,
    )


class Broadcast(Protocol):
    """The part of realtime that delivers events which are in no log to subscribers in all processes."""

    def has_room(self, project_id: str, count: int) -> bool:
        """Whether so many more events may wait for their delivery here."""

    def broadcast(self, project_id: str, event: Event) -> None:
        """Deliver an event that there was room for."""
