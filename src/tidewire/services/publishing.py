"""Events: built from what an operation did, and written to the event log."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec

from tidewire.core.channels import Parent, event_audience
from tidewire.core.events import NOBODY, Event
from tidewire.core.models import Model
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.instance import CONSOLE_PROJECT_ID, Project

_ENCODER: Final = msgspec.json.Encoder()


def publish(
    transaction: Transaction,
    context: Context,
    pattern: str,
    parameters: Mapping[str, str],
    payload: Model | Mapping[str, Any],
    parent: Parent | None = None,
) -> None:
    """Write the event to the log, in the transaction of the change."""
    transaction.append(event_of(context, pattern, parameters, payload, parent))


def event_of(
    context: Context,
    pattern: str,
    parameters: Mapping[str, str],
    payload: Model | Mapping[str, Any],
    parent: Parent | None = None,
) -> Event:
    """The event of something that the request did in its project.

    Events of the console project are delivered to nobody: they only invalidate caches of its users.
    ``payload`` must hold nothing secret: it goes to everybody in the event's audience. ``parent`` is needed
    for items that others hold: their read permissions count too.
    """
    actor_id = actor_of(context, parameters)
    return project_event(context.project, actor_id, pattern, parameters, payload, parent)


def actor_of(context: Context, parameters: Mapping[str, str]) -> str:
    """The user who caused an event; empty if it was an API key.

    A guest who causes something about a user counts as that user, who signs up, signs in, or shows a secret
    that was sent to nobody else.
    """
    caller = context.caller
    return parameters.get("userId", "") if caller.kind == "guest" else caller.user_id


def project_event(
    project: Project,
    actor_id: str,
    pattern: str,
    parameters: Mapping[str, str],
    payload: Model | Mapping[str, Any],
    parent: Parent | None = None,
    *,
    database_type: str = "",
) -> Event:
    """The event of something that was done in a project, by a request or by the operator."""
    fields: dict[str, Any] = msgspec.to_builtins(payload)
    outline = event_outline(
        project, actor_id, pattern, parameters, fields, parent, database_type=database_type
    )
    return outline(payload=_ENCODER.encode(fields))


def event_outline(
    project: Project,
    actor_id: str,
    pattern: str,
    parameters: Mapping[str, str],
    fields: Mapping[str, Any],
    parent: Parent | None = None,
    *,
    database_type: str = "",
    confidential: bool = False,
) -> partial[Event]:
    """An event without its ``payload``, which makes the event when it is called with one.

    The audience is worked out from the ``fields`` that the payload will have.
    """
    audience = event_audience(
        pattern=pattern,
        parameters=parameters,
        payload=fields,
        project_id=project.id,
        team_id=project.team_id,
        database_type=database_type,
        parent=parent,
    )
    delivered = project.id != CONSOLE_PROJECT_ID
    return partial(
        Event,
        pattern=pattern,
        parameters=dict(parameters),
        channels=audience.channels if delivered else [],
        roles=audience.roles if delivered else [],
        timestamp=now(),
        user_id=parameters.get("userId", ""),
        actor_id=actor_id,
        permissions_changed=audience.permissions_changed,
        database_type=database_type,
        audience=audience.project,
        confidential=confidential,
    )


def publish_unseen(
    transaction: Transaction,
    pattern: str,
    parameters: Mapping[str, str],
    payload: Model | Mapping[str, Any],
    *,
    permissions_changed: bool = False,
) -> None:
    """Write an event to the log that neither realtime clients nor webhooks receive.

    The server itself still sees it: processes forget identities that it names, and open connections get
    new roles if ``permissions_changed``.
    """
    transaction.append(
        Event(
            pattern=pattern,
            parameters=dict(parameters),
            channels=[],
            roles=[],
            payload=_ENCODER.encode(payload),
            timestamp=now(),
            user_id=parameters.get("userId", ""),
            permissions_changed=permissions_changed,
            audience=NOBODY,
        )
    )
