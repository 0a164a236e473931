"""All deliveries of a data directory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from tidewire.outbound.guard import Guard, guard_of
from tidewire.outbound.http import OutboundHttp
from tidewire.outgoing.carriers import Carrier
from tidewire.outgoing.mail import MailCarrier
from tidewire.outgoing.messaging.kinds import couriers_of
from tidewire.outgoing.messaging.queue import Room
from tidewire.outgoing.projects import Parts, ProjectDeliveries
from tidewire.outgoing.text_messages import text_message_carrier
from tidewire.settings import Settings
from tidewire.store.instance.commits import Commits
from tidewire.store.instance.instance import Instance
from tidewire.store.upkeep.outbox import Outbox
from tidewire.store.upkeep.project_work import only_process, project_work

_log: Final = structlog.get_logger("tidewire.outgoing")


def carriers_of(settings: Settings, http: OutboundHttp) -> dict[str, Carrier]:
    """What carries the messages of each channel; ``http`` may call what the operator names."""
    outbox = Outbox(settings.data_dir)
    return {"mail": MailCarrier(settings, outbox), "sms": text_message_carrier(settings, outbox, http)}


async def deliver(
    instance: Instance,
    settings: Settings,
    commits: Commits,
    carriers: Mapping[str, Carrier] | None = None,
    guard: Guard | None = None,
) -> None:
    """Deliver messages and webhooks of all projects until cancelled.

    One process of a data directory does it; in the others this waits for that one to end.
    """
    async with only_process(Path(settings.data_dir) / "delivery.lock"):
        if not (settings.smtp_host or settings.demo):
            _log.warning(
                "no mail server is set (smtp_host): mails of projects without their own stay in the outbox",
                outbox=str(Path(settings.data_dir) / "outbox"),
            )
        http = OutboundHttp(guard or guard_of(settings))
        to_operator = OutboundHttp(Guard(allow_private=True))
        carriers = carriers or carriers_of(settings, to_operator)
        couriers = couriers_of(settings, guard or guard_of(settings), http, to_operator)
        room = Room(couriers, asyncio.Semaphore(settings.messaging_batches_at_once))
        begin = partial(ProjectDeliveries, Parts(instance, settings, carriers, http, room))
        try:
            async with project_work(instance, commits, begin, settings.drain_seconds):
                await asyncio.Event().wait()
        finally:
            await http.close()
            await to_operator.close()
