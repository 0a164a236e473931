"""What is open, and why an event reaches a connection or does not: the conditions of delivery in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from tidewire.core.custom_channels import Member
from tidewire.core.inspection import Occurrence
from tidewire.core.models.realtime import (
    RealtimeConnection,
    RealtimeStep,
    RealtimeSubscription,
    RealtimeVerdict,
)
from tidewire.core.realtime_queries import compile_queries, normal_form
from tidewire.realtime.attendance import Attendance
from tidewire.realtime.connection import Connection
from tidewire.realtime.index import ANYONE, holds_role
from tidewire.realtime.subscriptions import Subscription


class Inspector:
    """Sees the connections of this process."""

    def __init__(self, connections_of: Callable[[str], Iterable[Connection]], attendance: Attendance) -> None:
        self._connections_of = connections_of
        self._attendance = attendance

    def members(self, project_id: str, channel: str) -> list[Member]:
        """Who is on a custom channel, over all processes, in the order of their coming."""
        return self._attendance.members((project_id, channel))

    def connections(self, project_id: str) -> list[RealtimeConnection]:
        """The open connections of a project, the oldest first."""
        return [_described(connection) for connection in self._of(project_id)]

    def explain(self, project_id: str, event: Occurrence, connection_ids: list[str]) -> list[RealtimeVerdict]:
        """Why the event reaches these connections or does not."""
        wanted = set(connection_ids)
        return [_verdict(each, event) for each in self._of(project_id) if each.id in wanted]

    def _of(self, project_id: str) -> list[Connection]:
        return sorted(
            (each for each in self._connections_of(project_id) if each.roles), key=lambda each: each.number
        )


def _described(connection: Connection) -> RealtimeConnection:
    return RealtimeConnection(
        id=connection.id,
        user_id=connection.user_id,
        roles=list(connection.roles),
        queued_bytes=connection.queued_bytes,
        subscriptions=[
            RealtimeSubscription(
                id=held.id,
                channels=list(held.channels),
                queries=[normal_form(query) for query in held.queries],
            )
            for held in connection.subscriptions.values()
        ],
    )


def _verdict(connection: Connection, event: Occurrence) -> RealtimeVerdict:
    steps = list(_of_connection(connection, event))
    matched = []
    for held in connection.subscriptions.values():
        own = list(_of_subscription(held, event))
        if all(step.passed for step in own):
            matched.append(held.id)
        steps += own
    entitled = all(step.passed for step in steps if not step.subscription_id)
    if not connection.subscriptions:
        steps.append(_step("channel", "", False, "The connection has no subscriptions."))
    return RealtimeVerdict(
        connection_id=connection.id,
        user_id=connection.user_id,
        delivered=entitled and bool(matched),
        subscriptions=matched if entitled else [],
        steps=steps,
    )


def _of_connection(connection: Connection, event: Occurrence) -> Iterator[RealtimeStep]:
    published = bool(event.channels and event.roles)
    yield _step(
        "published",
        "",
        published,
        "The event is published on realtime."
        if published
        else "The event is not published on realtime: it has no channels, or nobody may read its subject.",
    )
    held = [role for role in event.roles if role == ANYONE or role in connection.roles]
    who = f"user {connection.user_id}" if connection.user_id else "guest"
    yield _step(
        "role",
        "",
        holds_role(connection, event.roles),
        f"The {who} may read it as {', '.join(held)}."
        if held
        else f"The {who} holds none of the roles that may read it: {', '.join(event.roles) or '(none)'}.",
    )


def _of_subscription(held: Subscription, event: Occurrence) -> Iterator[RealtimeStep]:
    if event.offset is not None:
        in_time = held.since < event.offset
        text = "was there before the event." if in_time else "was made after the event was committed."
        yield _step("since", held.id, in_time, f"The subscription {text}")
    shared = [channel for channel in held.channels if channel in event.channels]
    yield _step(
        "channel",
        held.id,
        bool(shared),
        f"It holds {', '.join(shared)}."
        if shared
        else f"It holds none of the event's channels, but {', '.join(held.channels)}.",
    )
    payload: dict[str, Any] = msgspec.json.decode(event.payload)
    accepted = held.wants(payload)
    for query in held.queries:
        predicate = compile_queries([query])
        # With `select *` among them, the others are not looked at.
        passed = accepted if predicate is None else predicate(payload) or accepted
        verb = "accepts" if passed else "does not accept"
        yield _step("query", held.id, passed, f"The payload: {normal_form(query)} {verb} it.")
    if not held.queries:
        yield _step("query", held.id, True, "It has no queries: every payload is wanted.")


def _step(check: str, subscription_id: str, passed: bool, explanation: str) -> RealtimeStep:
    return RealtimeStep(check=check, subscription_id=subscription_id, passed=passed, explanation=explanation)
