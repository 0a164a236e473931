"""From what an operation did to the event in the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tidewire.core.channels import Parent, event_audience
from tidewire.core.events import NOBODY, Event
from tidewire.core.models import Model
from tidewire.core.time import now
from tidewire.services.context import Context
from tidewire.store.engine.database import Transaction
from tidewire.store.instance.platform import CONSOLE_PROJECT_ID, Project

_ENCODER: Final = msgspec.json.Encoder()


def publish(
    transaction: Transaction,
    context: Context,
    pattern: str,
    parameters: Mapping[str, str],
    payload: Model | Mapping[str, Any],
    parent: Parent | None = None,
) -> None:
    """Write the event to the log, in the transaction of the change it tells of."""
    transaction.append(event_of(context, pattern, parameters, payload, parent))


def event_of(
    context: Context,
    pattern: str,
    parameters: Mapping[str, str],
    payload: Model | Mapping[str, Any],
    parent: Parent | None = None,
) -> Event:
    """The event of something that the request did in its project.

    Events of the console project are delivered to nobody: they are there for those who keep what they know
    of its users. ``payload`` must hold nothing secret: it goes to everybody in the event's audience.
    ``parent`` is needed for items that others hold: their read permissions count too.
    """
    actor_id = actor_of(context, parameters)
    return project_event(context.project, actor_id, pattern, parameters, payload, parent)


def actor_of(context: Context, parameters: Mapping[str, str]) -> str:
    """The user who caused an event; empty if it was an API key.

    A guest who causes something about a user stands for that user, who comes to be, signs in, or shows a
    secret that was sent to nobody else.
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
) -> Event:
    """The event of something that was done in a project, by a request or by the operator."""
    fields: dict[str, Any] = msgspec.to_builtins(payload)
    audience = event_audience(
        pattern=pattern,
        parameters=parameters,
        payload=fields,
        project_id=project.id,
        team_id=project.team_id,
        parent=parent,
    )
    delivered = project.id != CONSOLE_PROJECT_ID
    return Event(
        pattern=pattern,
        parameters=dict(parameters),
        channels=audience.channels if delivered else [],
        roles=audience.roles if delivered else [],
        payload=_ENCODER.encode(fields),
        timestamp=now(),
        user_id=parameters.get("userId", ""),
        permissions_changed=audience.permissions_changed,
        audience=audience.project,
        actor_id=actor_id,
    )


def publish_to_console(
    transaction: Transaction,
    context: Context,
    project: Project,
    pattern: str,
    parameters: Mapping[str, str],
    payload: Model,
) -> None:
    """Write an event about a project to the log of the console project, whose connections receive it.

    ``transaction`` is one of the platform's database, where the change was made too.
    """
    fields: dict[str, Any] = msgspec.to_builtins(payload)
    audience = event_audience(
        pattern=pattern,
        parameters=parameters,
        payload=fields,
        project_id=project.id,
        team_id=project.team_id,
    )
    transaction.append(
        Event(
            pattern=pattern,
            parameters=dict(parameters),
            channels=audience.channels,
            roles=audience.roles,
            payload=_ENCODER.encode(fields),
            timestamp=now(),
            audience=audience.project,
            actor_id=context.caller.user_id,
        )
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
