"""The collaborators of all requests of a process, made once."""

from __future__ import annotations

import math
from typing import Final

import structlog

from tidewire.api.body_budget import BodyBudget
from tidewire.api.formats.table import generation
from tidewire.api.large_json import LargeJson
from tidewire.api.rate_limits import RateLimits
from tidewire.api.registry import Registry
from tidewire.channels import Channels
from tidewire.core.inspection import RealtimeInspector
from tidewire.functions.contract import Engine
from tidewire.identity.callers import GUEST
from tidewire.identity.heads import trusted_hops
from tidewire.logs import RepeatedByKind
from tidewire.pictures.pictures import Pictures
from tidewire.screenshots.screenshots import Screenshots
from tidewire.services.context import Client, Context
from tidewire.services.geoip import GeoIp
from tidewire.services.large_results import LargeResults
from tidewire.services.passwords import PasswordHasher
from tidewire.settings import Settings
from tidewire.store.instance.instance import Instance

_log = structlog.get_logger()


class Collaborators:
    """The collaborators of :class:`tidewire.api.exchange.Exchange`."""

    def __init__(
        self,
        settings: Settings,
        instance: Instance,
        registry: Registry,
        passwords: PasswordHasher,
        geoip: GeoIp | None = None,
        realtime: RealtimeInspector | None = None,
        channels: Channels | None = None,
        engine: Engine | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        self.settings = settings
        self.hops = trusted_hops(settings)
        self.instance = instance
        self.registry = registry
        self.bodies = BodyBudget(settings)
        self.results = LargeResults(settings.large_answer_bytes)
        self.large_json = LargeJson(settings.max_body_values)
        self.limits = RateLimits(enabled=settings.rate_limits)
        self.generation = generation(settings.response_format)
        """The generation of programs that name none."""
        self.compressed_from: float = (
            settings.http_compression_min_bytes if settings.http_compression else math.inf
        )
        """Bytes from which on answers are compressed for clients that take it."""
        self.context: Final = Context(
            project=instance.console.project,
            caller=GUEST,
            client=Client("", ""),
            database=instance.console.database,
            objects=instance.console.objects,
            passwords=passwords,
            jwt_secret=instance.jwt_secret,
            settings=settings,
            instance=instance,
            channels=channels or Channels(settings),
            geoip=geoip or GeoIp(),
            engine=engine,
            pictures=pictures,
            screenshots=Screenshots(settings),
            realtime=realtime,
        )
        """What the contexts of all requests have in common: each is a copy of it."""
        self.reached = RepeatedByKind(_log.warning, "limit_reached", "limit")
        """Writes to the log, now and then, which limits clients reach."""
