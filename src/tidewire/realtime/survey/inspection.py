"""Inspection: what a connection is like, and why an event reaches it or does not, in words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final

from tidewire.core.inspection import Occurrence
from tidewire.core.models.realtime import (
    RealtimeConnection,
    RealtimeStep,
    RealtimeSubscription,
    RealtimeVerdict,
)
from tidewire.core.realtime_queries import Attributes, compile_queries, normal_form
from tidewire.realtime.matching.role_keys import ANYONE, holds_role
from tidewire.realtime.receivers.receiver import EVERYTHING, Subscription
from tidewire.realtime.session.message_reader import Refusals
from tidewire.realtime.session.session import Session

MAX_TEXT: Final = 1_000_000
"""Characters of the subscriptions, or of the steps, that are told of one session."""

MAX_REFUSAL: Final = 1000
"""Characters of a refusal that are told."""


def described(session: Session) -> RealtimeConnection:
    """What a connection is like."""
    subscriptions = []
    length = 0
    for held in session.subscriptions.values():
        queries = [normal_form(query) for query in held.queries]
        length += sum(map(len, (held.id, *held.channels, *queries)))
        if length > MAX_TEXT:
            break
        subscriptions.append(RealtimeSubscription(id=held.id, channels=list(held.channels), queries=queries))
    return RealtimeConnection(
        id=session.id,
        user_id=session.user_id,
        roles=list(session.roles),
        queued_bytes=session.wire.queued_bytes,
        refused_messages=session.refusals.number if session.refusals is not None else 0,
        subscriptions=subscriptions,
        truncated=len(subscriptions) < len(session.subscriptions),
    )


def verdict(session: Session, event: Occurrence, payload: dict[str, Any]) -> RealtimeVerdict:
    """Why an event with this payload reaches a connection or does not."""
    steps = list(_of_connection(session, event))
    values = Attributes(payload)
    matched = []
    for held in session.subscriptions.values():
        own = list(_of_subscription(held, event, values))
        if all(step.passed for step in own):
            matched.append(held.id)
        steps += own
    entitled = all(step.passed for step in steps if not step.subscription_id)
    if not session.subscriptions:
        steps.append(_step("channel", "", False, "The connection has no subscriptions."))
    told = _as_many_as_fit(steps)
    return RealtimeVerdict(
        connection_id=session.id,
        user_id=session.user_id,
        delivered=entitled and bool(matched),
        subscriptions=matched if entitled else [],
        steps=told,
        truncated=len(told) < len(steps),
    )


def _as_many_as_fit(steps: list[RealtimeStep]) -> list[RealtimeStep]:
    lengths = accumulate(len(step.subscription_id) + len(step.explanation) for step in steps)
    return [step for step, length in zip(steps, lengths, strict=True) if length <= MAX_TEXT]


def _of_connection(session: Session, event: Occurrence) -> Iterator[RealtimeStep]:
    has_api_key = session.roles == EVERYTHING
    published = bool(event.channels and (event.roles or has_api_key))
    yield _step(
        "published",
        "",
        published,
        "The event is published on realtime."
        if published
        else "The event is not published on realtime: it has no channels, or nobody may read its subject.",
    )
    yield _step("role", "", holds_role(session, event.roles), _on_roles(session, event.roles))
    if session.refusals is not None:
        yield _step("refused", "", True, _on_refusals(session.refusals))
    if session.replay is not None and event.offset is not None:
        yield _step(
            "replay",
            "",
            True,
            "The connection is being sent what it missed: the event comes when it is its turn, if it did not "
            "come before.",
        )


def _on_refusals(refusals: Refusals) -> str:
    were = "message was" if refusals.number == 1 else "messages were"
    return (
        f"{refusals.number} of this connection's {were} refused, the last with {refusals.code}: "
        f"{refusals.message[:MAX_REFUSAL]} What it asked for in vain is not among its subscriptions."
    )


def _on_roles(session: Session, roles: list[str]) -> str:
    if session.roles == EVERYTHING:
        return "It is a program with an API key: it gets the event whoever may read its subject."
    held = [role for role in roles if role == ANYONE or role in session.roles]
    who = f"user {session.user_id}" if session.user_id else "guest"
    if held:
        return f"The {who} may read it as {', '.join(held)}."
    return f"The {who} holds none of the roles that may read it: {', '.join(roles) or '(none)'}."


def _of_subscription(held: Subscription, event: Occurrence, payload: Attributes) -> Iterator[RealtimeStep]:
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
