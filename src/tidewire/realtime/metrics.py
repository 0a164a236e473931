"""What realtime counts, as Prometheus metrics.

Each process counts for itself. The table of the documentation is made from :data:`METRICS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from tidewire.realtime.engine import Realtime
from tidewire.realtime.meters import Histogram

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Metric:
    """One metric: how it is called, what it means, and where it comes from."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    read: Callable[[Realtime], float | Mapping[str, float] | Histogram]
    """A mapping is by the value of ``label``."""
    label: str = ""


METRICS: Final = (
    Metric(
        "tidewire_realtime_connections",
        "gauge",
        "Open connections, those that are being set up included.",
        lambda realtime: realtime.open_connections.count,
    ),
    Metric(
        "tidewire_realtime_subscriptions",
        "gauge",
        "Subscriptions of all connections.",
        lambda realtime: sum(len(each.subscriptions) for each in realtime.connections()),
    ),
    Metric(
        "tidewire_realtime_events_total",
        "counter",
        "Events of the log that were matched with connections.",
        lambda realtime: realtime.meters.events,
    ),
    Metric(
        "tidewire_realtime_frames_total",
        "counter",
        "Event frames handed to connections.",
        lambda realtime: realtime.meters.frames,
    ),
    Metric(
        "tidewire_realtime_bytes_total",
        "counter",
        "Bytes of these frames before compression, without what differs between receivers.",
        lambda realtime: realtime.meters.bytes,
    ),
    Metric(
        "tidewire_realtime_dropped_total",
        "counter",
        "Messages of custom channels without history, joins and leaves that did not get from one process to "
        "another, or were too many to deliver there.",
        lambda realtime: realtime.meters.dropped,
    ),
    Metric(
        "tidewire_realtime_queued_bytes",
        "gauge",
        "Bytes sent to connections that the network has not taken yet.",
        lambda realtime: sum(each.queued_bytes for each in realtime.connections()),
    ),
    Metric(
        "tidewire_realtime_recoveries_total",
        "counter",
        "Subscriptions that came back or said where they were, by whether they got what they missed.",
        lambda realtime: realtime.meters.recovered,
        label="recovered",
    ),
    Metric(
        "tidewire_realtime_replayed_frames_total",
        "counter",
        "Event frames sent from the log to connections that had missed them.",
        lambda realtime: realtime.meters.replayed,
    ),
    Metric(
        "tidewire_realtime_replays",
        "gauge",
        "Connections that are being replayed to.",
        lambda realtime: sum(each.replay is not None for each in realtime.connections()),
    ),
    Metric(
        "tidewire_realtime_kept_subscriptions",
        "gauge",
        "Subscriptions whose positions are kept, by project that has connections; all processes together.",
        lambda realtime: {
            name: room.hub.recovery.positions.count
            for name, room in realtime.rooms.items()
            if room.hub.recovery is not None
        },
        label="project",
    ),
    Metric(
        "tidewire_realtime_closes_total",
        "counter",
        "Connections closed by the server: `refused` (1008), `internal_error` (1011), `restart` (1012), "
        "`try_later` (1013: a limit, or too slow to read), `silent` (1001).",
        lambda realtime: realtime.meters.closes,
        label="reason",
    ),
    Metric(
        "tidewire_realtime_matching_seconds",
        "histogram",
        "Time to find the receivers of an event.",
        lambda realtime: realtime.meters.matching,
    ),
    Metric(
        "tidewire_realtime_delivery_seconds",
        "histogram",
        "From the time of an event until the last of its frames is handed to a transport.",
        lambda realtime: realtime.meters.latency,
    ),
    Metric(
        "tidewire_realtime_log_offset",
        "gauge",
        "Offset of the newest event known, by project that has connections.",
        lambda realtime: {name: room.hub.received for name, room in realtime.rooms.items()},
        label="project",
    ),
)


class _RealtimeCollector(Collector):
    def __init__(self, realtime: Realtime) -> None:
        self._realtime = realtime

    def collect(self) -> Iterator[Any]:
        for metric in METRICS:
            yield _family(metric, metric.read(self._realtime), self._realtime.process.id)


def exposition(realtime: Realtime) -> bytes:
    """All metrics of this process in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_RealtimeCollector(realtime))
    return generate_latest(registry)


def _family(metric: Metric, value: float | Mapping[str, float] | Histogram, process: str) -> Any:
    labels = ["process", metric.label] if metric.label else ["process"]
    if isinstance(value, Histogram):
        histogram = HistogramMetricFamily(metric.name, metric.meaning, labels=labels)
        histogram.add_metric([process], value.buckets(), value.total)
        return histogram
    family: Any = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    made = family(metric.name, metric.meaning, labels=labels)
    values = value.items() if isinstance(value, Mapping) else [("", value)]
    for label, number in values:
        made.add_metric([process, label] if metric.label else [process], number)
    return made
