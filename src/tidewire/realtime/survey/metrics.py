"""Metrics: what realtime and the engine of functions count, in the text format of Prometheus.

Each process counts for itself, and one answer has what all of them have counted. The table of the
documentation is made from :data:`METRICS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from tidewire.functions.contract import Engine
from tidewire.realtime.project.project import ProjectRealtime
from tidewire.realtime.runtime.meters import Histogram, Meters
from tidewire.realtime.session.connection_limits import OpenConnections
from tidewire.realtime.session.session import Session
from tidewire.realtime.survey.survey import Answers, Reading, Readings, ReadMetrics, Survey

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Counted:
    """What the metrics of this process are read from."""

    meters: Meters
    open_connections: OpenConnections
    projects: Mapping[str, ProjectRealtime]
    sessions: Callable[[], Iterable[Session]]
    functions: Engine | None
    """What runs functions, if anything does."""


@dataclass(frozen=True)
class Metric:
    """One metric: its name, what it means, and where its value is read."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    read: Callable[[Counted], float | Mapping[str, float] | Histogram]
    """Reads the value; a mapping has one value for each value of ``label``."""
    label: str = ""

    @property
    def labels(self) -> list[str]:
        """The names of its labels."""
        return ["process", self.label] if self.label else ["process"]


PROCESS_UP: Final = "tidewire_process_up"

METRICS: Final = (
    Metric(
        PROCESS_UP,
        "gauge",
        "1: the process has answered; 0: it lives but has not in time, and what it counted is missing here.",
        lambda _: 1,
    ),
    Metric(
        "tidewire_realtime_connections",
        "gauge",
        "Open connections, those that are being set up included.",
        lambda counted: counted.open_connections.count,
    ),
    Metric(
        "tidewire_realtime_subscriptions",
        "gauge",
        "Subscriptions of all connections.",
        lambda counted: sum(len(each.subscriptions) for each in counted.sessions()),
    ),
    Metric(
        "tidewire_realtime_events_total",
        "counter",
        "Events of the log that were matched with connections.",
        lambda counted: counted.meters.events,
    ),
    Metric(
        "tidewire_realtime_frames_total",
        "counter",
        "Event frames handed to connections.",
        lambda counted: counted.meters.frames,
    ),
    Metric(
        "tidewire_realtime_bytes_total",
        "counter",
        "Bytes of these frames before compression, without what differs between receivers.",
        lambda counted: counted.meters.bytes,
    ),
    Metric(
        "tidewire_realtime_dropped_total",
        "counter",
        "Messages of custom channels without history, joins and leaves that did not get from one process to "
        "another, or were too many to deliver there.",
        lambda counted: counted.meters.dropped,
    ),
    Metric(
        "tidewire_realtime_queued_bytes",
        "gauge",
        "Bytes sent to connections that the network has not taken yet.",
        lambda counted: sum(each.wire.queued_bytes for each in counted.sessions()),
    ),
    Metric(
        "tidewire_realtime_recoveries_total",
        "counter",
        "Subscriptions that came back or said where they were, by whether they got what they missed.",
        lambda counted: counted.meters.recovered,
        label="recovered",
    ),
    Metric(
        "tidewire_realtime_replayed_frames_total",
        "counter",
        "Event frames sent from the log to connections that had missed them.",
        lambda counted: counted.meters.replayed,
    ),
    Metric(
        "tidewire_realtime_replays",
        "gauge",
        "Connections that are being replayed to.",
        lambda counted: sum(each.replay is not None for each in counted.sessions()),
    ),
    Metric(
        "tidewire_realtime_kept_subscriptions",
        "gauge",
        "Subscriptions whose positions are kept, by project that has connections; each process knows of all, "
        "so take the highest and no sum.",
        lambda counted: {
            name: project.hub.recovery.positions.count
            for name, project in counted.projects.items()
            if project.hub.recovery is not None
        },
        label="project",
    ),
    Metric(
        "tidewire_realtime_closes_total",
        "counter",
        "Connections closed by the server: `refused` (1008), `internal_error` (1011), `restart` (1012), "
        "`slow` (1013: too slow to read), `flood` (1013: sent more than it may, again and again), "
        "`unfinished` (1013: one of too many large messages that do not end), `try_later` (1013: another "
        "limit), `silent` (1001), `too_large` (1009: a message), `protocol` (1002, 1003, 1007: broken "
        "frames).",
        lambda counted: counted.meters.closes,
        label="reason",
    ),
    Metric(
        "tidewire_realtime_refused_messages_total",
        "counter",
        "Messages of clients that were refused, in whole or in part, by the code of the error frame: 1013 "
        "over a limit, 1003 not understood.",
        lambda counted: counted.meters.refused,
        label="code",
    ),
    Metric(
        "tidewire_realtime_matching_seconds",
        "histogram",
        "Time to find the receivers of an event.",
        lambda counted: counted.meters.matching,
    ),
    Metric(
        "tidewire_realtime_delivery_seconds",
        "histogram",
        "From the time of an event until the last of its frames is handed to a transport.",
        lambda counted: counted.meters.latency,
    ),
    Metric(
        "tidewire_realtime_log_offset",
        "gauge",
        "Offset of the newest event known, by project that has connections; no sum either.",
        lambda counted: {name: project.hub.progress.received for name, project in counted.projects.items()},
        label="project",
    ),
    Metric(
        "tidewire_functions_isolation",
        "gauge",
        "1 for what keeps the code of functions apart; nothing where none are run.",
        lambda counted: {counted.functions.isolation: 1} if counted.functions else {},
        label="isolation",
    ),
    Metric(
        "tidewire_functions_processes",
        "gauge",
        "Processes of functions that are warm.",
        lambda counted: counted.functions.processes if counted.functions else 0,
    ),
    Metric(
        "tidewire_functions_waiting",
        "gauge",
        "Executions that wait for a process; not those that wait in the queues of projects.",
        lambda counted: counted.functions.waiting if counted.functions else 0,
    ),
)


def readings(counted: Counted) -> dict[str, Reading]:
    """All metrics of this process, by their names."""
    return {metric.name: _reading(metric.read(counted)) for metric in METRICS}


async def exposition(survey: Survey) -> bytes:
    """All metrics of all processes in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_RealtimeCollector(await survey.ask(ReadMetrics(), Readings)))
    return generate_latest(registry)


def _reading(value: float | Mapping[str, float] | Histogram) -> Reading:
    if isinstance(value, Histogram):
        return Reading(buckets=value.buckets(), total=value.total)
    return Reading(dict(value) if isinstance(value, Mapping) else {"": value})


class _RealtimeCollector(Collector):
    def __init__(self, answers: Answers[Readings]) -> None:
        self._answers = answers

    def collect(self) -> Iterator[Any]:
        for metric in METRICS:
            family = _FAMILIES[metric.kind](metric.name, metric.meaning, labels=metric.labels)
            for process, answer in sorted(self._answers.given.items()):
                _add(family, metric, process, answer.by_name[metric.name])
            if metric.name == PROCESS_UP:
                for process in self._answers.missing:
                    family.add_metric([process], 0)
            yield family


_FAMILIES: Final[dict[str, Any]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}


def _add(family: Any, metric: Metric, process: str, reading: Reading) -> None:
    if metric.kind == "histogram":
        family.add_metric([process], reading.buckets, reading.total)
    for value, number in reading.values.items():
        family.add_metric([process, value] if metric.label else [process], number)
