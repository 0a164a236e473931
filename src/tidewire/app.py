"""The composition root: builds every part from the settings; the only place that knows them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from tidewire.api.application import create_api
from tidewire.api.asgi import Application as AsgiApplication
from tidewire.api.collaborators import Collaborators
from tidewire.api.domains import with_domains
from tidewire.api.metrics import with_metrics
from tidewire.api.pages import with_pages
from tidewire.api.registry import Registry
from tidewire.bus.doorbell import Doorbell
from tidewire.bus.mesh import Mesh
from tidewire.demo import ensure_demo_bucket, with_demo
from tidewire.executions.parts import Parts
from tidewire.executions.renewal import renewed_functions
from tidewire.executions.worker import work_on_functions
from tidewire.functions.contract import Engine, EngineError
from tidewire.functions.engine import open_engine
from tidewire.graphql.door import Door
from tidewire.outgoing.deliverer import deliver
from tidewire.pictures.pictures import Pictures
from tidewire.realtime import Realtime
from tidewire.realtime.survey.metrics import CONTENT_TYPE, exposition
from tidewire.services import ALL_OPERATIONS
from tidewire.services.databases.schema_changes import resume_changes
from tidewire.services.functions.runnables import endpoint_of
from tidewire.services.geoip import GeoIp
from tidewire.services.passwords import PasswordHasher
from tidewire.settings import Settings
from tidewire.store.instance.commits import CommitListener, Commits
from tidewire.store.instance.instance import Instance
from tidewire.store.upkeep.maintenance import maintain
from tidewire.store.upkeep.outbox import Outbox

_log: Final = structlog.get_logger()


@dataclass(frozen=True)
class Application:
    """The parts of one serving process."""

    instance: Instance
    realtime: Realtime
    asgi: AsgiApplication
    isolation: str
    """What keeps the code of functions apart; empty where none are run."""


@asynccontextmanager
async def open_application(settings: Settings) -> AsyncIterator[Application]:
    """Open the instance, build the application, run its background work; undo all of it at the end.

    Raises OSError if the data directory or, with a type of its own, the GeoIP file cannot be used.
    """
    async with AsyncExitStack() as stack:
        geoip = GeoIp(settings.geoip_file)
        stack.callback(geoip.close)
        # Until the very end: what is written while everything closes is told too.
        doorbell = Doorbell(Path(settings.data_dir))
        stack.callback(doorbell.close)
        instance = await Instance.open(settings)
        stack.push_async_callback(instance.close)
        commits = Commits(doorbell.ring)
        instance.on_commit = commits.committed
        passwords = PasswordHasher()
        stack.callback(passwords.close)
        if settings.demo:
            await ensure_demo_bucket(instance, passwords)
        engine = await _engine(settings)
        pictures = Pictures(settings)
        stack.push_async_callback(pictures.close)
        instance.listen_deletions(pictures.forget_project)
        graphql = Door()
        stack.callback(graphql.close)
        realtime = Realtime(settings, instance, engine, graphql)
        await realtime.start()
        stack.push_async_callback(realtime.close)
        doorbell.own = realtime.process.id
        commits.listen(CommitListener(realtime.wake, realtime.wake_all))
        domains = instance.domains
        commits.listen(CommitListener(domains.committed, domains.committed, domains.committed))
        mesh = Mesh(
            Path(settings.data_dir), realtime.process.id, realtime.peers, realtime.survey.answer, commits
        )
        await mesh.start()
        stack.push_async_callback(mesh.close)
        if settings.workers > 1:
            realtime.connect(mesh.send, mesh)
        background = [
            asyncio.create_task(maintain(instance, settings), name="maintenance"),
            asyncio.create_task(deliver(instance, settings, commits), name="deliveries"),
            asyncio.create_task(resume_changes(instance), name="changes of tables"),
        ]
        if engine is not None:
            stack.push_async_callback(engine.close)
            parts = Parts(instance, settings, engine, realtime.projects)
            await stack.enter_async_context(renewed_functions(parts, commits))
            background.append(asyncio.create_task(work_on_functions(parts, commits), name="functions"))
        stack.push_async_callback(_stop, background)
        api = Collaborators(
            settings,
            instance,
            Registry(ALL_OPERATIONS),
            passwords,
            geoip,
            realtime.inspector,
            realtime.channels,
            engine,
            pictures,
        )
        served = with_pages(graphql.serve(create_api(api), api))
        if settings.demo:
            served = with_demo(served, Outbox(settings.data_dir))
        if settings.metrics_key:
            served = with_metrics(
                served, settings.metrics_key, CONTENT_TYPE, lambda: exposition(realtime.survey)
            )
        served = with_domains(served, api)
        yield Application(instance, realtime, served, engine.isolation if engine else "")


async def _engine(settings: Settings) -> Engine | None:
    """What runs functions; None if this machine cannot, and everything else goes on without."""
    try:
        data_dir = Path(settings.data_dir)
        return await open_engine(
            settings, data_dir / "functions", endpoint=endpoint_of(settings), hidden=[data_dir]
        )
    except (EngineError, OSError) as error:
        _log.warning("functions are not run here", reason=str(error))
        return None


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
