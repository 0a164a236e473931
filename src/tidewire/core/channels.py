"""Channels: where an event is published, who receives it there, and what clients may ask for.

Channels are made from the ids of an event, never by splitting its names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec

from tidewire.core.event_routing import EventRoute, RolesFrom, find_route
from tidewire.core.events import ACTIONS, pattern_parts
from tidewire.core.permissions import roles_granted

_SUFFIXED: Final = frozenset({
    "documents", "rows", "files", "executions", "functions", "account", "teams", "memberships",
    "presences",
})  # fmt: skip
"""Words that, last or second to last in a channel, give it a channel for each action."""


class Parent(msgspec.Struct, frozen=True):
    """What holds an item and may grant access to it: its collection, table or bucket."""

    permissions: Sequence[str]
    item_security: bool
    """Whether permissions of the item count too: ``documentSecurity``, ``rowSecurity``, ``fileSecurity``."""


class Audience(msgspec.Struct, frozen=True):
    """The receivers of an event. Without channels, or without roles, realtime delivers it to nobody."""

    channels: list[str]
    roles: list[str]
    """Roles one of which a connection must hold; duplicates are possible."""
    permissions_changed: bool
    """The event's user must get new roles before the event is delivered."""
    project: str
    """The project whose connections receive the event: empty for the event's own, ``console`` for the console
    project."""


_NOBODY: Final = Audience([], [], permissions_changed=False, project="")


def event_audience(
    *,
    pattern: str,
    parameters: Mapping[str, str],
    payload: Mapping[str, Any],
    project_id: str,
    team_id: str,
    database_type: str = "",
    parent: Parent | None = None,
) -> Audience:
    """Who receives an event.

    ``payload`` is the item as on the wire, with ``$permissions`` if it has any; ``team_id`` is the team that
    owns the project. Raises ValueError if the event needs its ``parent``, or a parameter that is not given.
    """
    plan = _plan(pattern, database_type)
    if plan is None:
        return _NOBODY
    route = plan.route
    return Audience(
        channels=plan.channels(parameters, payload, project_id),
        roles=_roles(route.roles, pattern, parameters, payload, team_id, parent),
        permissions_changed=plan.action in route.changes_permissions,
        project="console" if route.to_console else "",
    )


def convert_channels(channels: Iterable[str], user_id: str) -> list[str]:
    """The channels that a client gets for those it asked for.

    Account channels become those of the user, who is a guest if ``user_id`` is empty; those of others are
    removed.
    """
    asked = list(dict.fromkeys(channels))
    converted = dict.fromkeys(asked)
    for channel in asked:
        if channel == "account" and user_id:
            converted[f"account.{user_id}"] = None
        elif channel.startswith("account."):
            action = channel.removeprefix("account.")
            if action in ACTIONS and not user_id:
                continue
            converted.pop(channel, None)
            if action in ACTIONS:
                converted[f"account.{user_id}.{action}"] = None
    return list(converted)


def rebind_channels(channels: Iterable[str], old_user_id: str, new_user_id: str) -> list[str]:
    """The channels of a subscription after its connection changed from one user to another (7.2).

    ``old_user_id`` is empty if the connection was a guest.
    """
    if not new_user_id:
        return list(channels)
    old = f"account.{old_user_id}" if old_user_id else "account"
    renamed = {f"{old}.{action}": f"account.{new_user_id}.{action}" for action in ACTIONS}
    if old_user_id:
        renamed[old] = f"account.{new_user_id}"
    return list(dict.fromkeys(renamed.get(channel, channel) for channel in channels))


def guest_channels(channels: Iterable[str], user_id: str) -> list[str]:
    """The channels of a subscription whose connection was a user's and is now a guest's.

    They are those that the user gets back by signing in again, and another user by signing in instead.
    """
    own = f"account.{user_id}"
    renamed = {f"{own}.{action}": f"account.{action}" for action in ACTIONS} | {own: "account"}
    return list(dict.fromkeys(renamed.get(channel, channel) for channel in channels))


@dataclass(frozen=True)
class _Plan:
    """A route made ready for one pattern."""

    route: EventRoute
    action: str
    sources: tuple[tuple[str, tuple[str, ...]], ...]
    """For what fills in the route's channels, where it comes from, and the names that it may have there."""
    text: str
    """All channels, separated by NUL, as a format string with a place for each source."""

    def channels(
        self, parameters: Mapping[str, str], payload: Mapping[str, Any], project_id: str
    ) -> list[str]:
        values = []
        for place, names in self.sources:
            if place == "[":
                value: str | None = _parameter(names[0], parameters)
            else:
                value = _first_text(payload, names) if place == "{" else project_id
            if value is None:
                return []
            values.append(value)
        return list(dict.fromkeys(self.text.format(*values).split("\0")))


@lru_cache(maxsize=4096)
def _plan(pattern: str, database_type: str) -> _Plan | None:
    words, action = pattern_parts(pattern)
    route = find_route(words, database_type)
    if route is None or (route.actions and action not in route.actions):
        return None
    sources: dict[str, int] = {}
    texts = [_format(channel, sources) for channel in route.channels]
    if route.suffixed and action:
        texts += [
            f"{text}.{action}"
            for text, channel in zip(texts, route.channels, strict=True)
            if _SUFFIXED.intersection(channel.split(".")[-2:])
        ]
    return _Plan(route, action, tuple(map(_source, sources)), "\0".join(texts))


def _format(channel: str, sources: dict[str, int]) -> str:
    segments = [
        f"{{{sources.setdefault(segment, len(sources))}}}" if segment[0] in "[{@" else segment
        for segment in channel.split(".")
    ]
    return ".".join(segments)


def _source(segment: str) -> tuple[str, tuple[str, ...]]:
    """Return where a segment of a channel that an event fills in comes from, and its names there."""
    return segment[0], tuple(segment[1:-1].split("|"))


def _first_text(payload: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The first of several keys of a payload that holds a text; None if none does."""
    for name in names:
        value = payload.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def _parameter(name: str, parameters: Mapping[str, str]) -> str:
    if name not in parameters:
        raise ValueError(f"the channels of the event need its {name}")
    return parameters[name]


def _roles(
    roles_from: RolesFrom,
    pattern: str,
    parameters: Mapping[str, str],
    payload: Mapping[str, Any],
    team_id: str,
    parent: Parent | None,
) -> list[str]:
    if roles_from == "user":
        return [f"user:{_parameter('userId', parameters)}"]
    if roles_from == "team":
        return [f"team:{_parameter('teamId', parameters)}"]
    if roles_from == "project team":
        return [f"team:{team_id}"] if team_id else []
    permissions = payload.get("$permissions")
    own = roles_granted(permissions, "read") if permissions else []
    if roles_from == "item":
        return own
    if parent is None:
        raise ValueError(f"the event {pattern} needs what holds the item")
    return roles_granted(parent.permissions, "read") + (own if parent.item_security else [])
