"""Rows of a table of a million: created, read and listed over REST, and what subscribers get of new ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from benchmarks.native import Plan, Requested
from benchmarks.peers import Running
from benchmarks.rows import PAGE, READABLE, ROWS, SMALL
from benchmarks.scenarios import Load, Metric

CLIENTS: Final = 32
SUBSCRIBERS: Final = 1_000
ROWS_PER_SECOND: Final = 200
WAITING: Final = 64


class RowRate:
    """The same request on rows from many clients, each sending the next when the last is answered."""

    fresh = False
    once = False

    def __init__(self, name: str, title: str, goal: str, count: int) -> None:
        self.name = name
        self.title = f"{title}, {CLIENTS} clients"
        self.count = count
        self.metrics = {
            "rate": Metric("answered", "requests/s", goal),
            "p99": Metric("request sent to its answer, p99", "ms"),
            "busy": Metric("load generator's processor time", "%"),
        }

    def suits(self, target: Running) -> bool:
        """Whether it has rows."""
        return target.rows is not None

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """One run."""
        requests = CLIENTS + load.scaled(self.count, self.count // 10)
        requested = _measure(
            load, target, self.name, Plan(requests=requests, warm_up=CLIENTS, in_flight=CLIENTS)
        )
        return {
            "rate": requested.requests / requested.seconds,
            "p99": requested.response.p99 / 1e3,
            "busy": requested.client_busy * 100,
        }


class GraphQLRate(RowRate):
    """The same by GraphQL."""

    def suits(self, target: Running) -> bool:
        """Whether it has rows by GraphQL, which those have that secure them."""
        return super().suits(target) and target.secures_rows


class SecuredPages:
    """Pages of somebody who may read few of many rows, by the rows' own permissions."""

    title = f"The newest {PAGE} of {READABLE:,} rows that a user may read, one request at a time"
    fresh = False
    once = False

    def __init__(self) -> None:
        self.metrics = {
            "p99": Metric(f"of {ROWS:,} rows, p99", "ms", "under 10 ms"),
            "p50": Metric(f"of {ROWS:,} rows, p50", "ms"),
            "small": Metric(f"of {SMALL:,} rows, p50", "ms"),
        }

    def suits(self, target: Running) -> bool:
        """Whether each row can say who may read it."""
        return target.rows is not None and target.secures_rows

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """One run."""
        plan = Plan(requests=20 + load.scaled(500, 50), warm_up=20)
        large = _measure(load, target, "list secured", plan).response
        small = _measure(load, target, "list small", plan).response
        return {"p99": large.p99 / 1e3, "p50": large.p50 / 1e3, "small": small.p50 / 1e3}


class RowLatency:
    """Rows created at a steady pace; every subscriber's receipt counts."""

    title = f"Rows created, {ROWS_PER_SECOND} a second, each received by {SUBSCRIBERS:,} subscribers"
    fresh = False
    once = False

    def __init__(self) -> None:
        self.metrics = {
            "p50": Metric("request sent to event received, p50", "ms"),
            "p99": Metric("request sent to event received, p99", "ms", "under 25 ms"),
            "rate": Metric("receipts", "messages/s"),
        }

    def suits(self, target: Running) -> bool:
        """Whether it has rows, and can be asked for so many messages: PocketBase would take minutes."""
        return target.rows is not None and target.secures_rows

    def measure(self, load: Load, target: Running) -> dict[str, float]:
        """One run."""
        plan = Plan(
            subscribers=SUBSCRIBERS,
            requests=ROWS_PER_SECOND * load.scaled(6, 2),
            warm_up=ROWS_PER_SECOND,
            in_flight=WAITING,
            interval_us=1_000_000 // ROWS_PER_SECOND,
        )
        requested = _measure(load, target, "create", plan)
        assert requested.receipt
        return {
            "p50": requested.receipt.p50 / 1e3,
            "p99": requested.receipt.p99 / 1e3,
            "rate": requested.messages / requested.seconds,
        }


def all_rows() -> list[RowRate | SecuredPages | RowLatency]:
    """Every scenario of rows."""
    listed = f"List {PAGE} of {ROWS:,} rows with one filter and one order"
    return [
        RowRate("create", "Create a row", "at least 1.0 of PocketBase", 3_000),
        RowRate("get", "Get a row", "at least 1.0 of PocketBase", 5_000),
        GraphQLRate("get by GraphQL", "Get a row by GraphQL", "at least 0.5 of REST", 3_000),
        GraphQLRate("get 20 by GraphQL", "Get 20 rows in one GraphQL query", "", 500),
        RowRate("list", listed, "at least 1.5 times PocketBase", 2_000),
        RowRate("list without total", f"{listed}, without the total", "", 2_000),
        SecuredPages(),
        RowLatency(),
    ]


def _measure(load: Load, target: Running, name: str, plan: Plan) -> Requested:
    assert target.rows is not None
    case = target.rows(load.scaled(load.rows, SMALL))[name]
    requested = load.generator.run(case.endpoint, replace(plan, request=case.request)).requested
    assert requested is not None
    return requested
