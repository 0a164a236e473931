"""Rows of a Tidewire table, and subscriptions of which their events match one, by a channel or by queries."""

from __future__ import annotations

from typing import Final

import msgspec

from benchmarks.native import Endpoint
from benchmarks.peers import Case
from benchmarks.rest_client import Rest, http_request

DATABASE: Final = "bench"
TABLE: Final = "points"
ROWS_PATH: Final = f"/v1/tablesdb/{DATABASE}/tables/{TABLE}/rows"
CHANNEL: Final = f"tablesdb.{DATABASE}.tables.{TABLE}.rows"

EQUAL: Final = ("equal", "@number@")
WITHIN: Final = (("greaterThanEqual", "1@number@0"), ("lessThanEqual", "1@number@9"))
"""Ranges of ten numbers that do not overlap: 100 to 109, 110 to 119, ..., 1100 to 1109, ...

Two queries, not one `between`, since these are what every SDK and the reference know.
"""


def row(channel: str, *queries: tuple[str, str]) -> str:
    """A subscription to one channel, as a template of :class:`~benchmarks.native.Endpoint`."""
    parts = (
        msgspec.json.encode(f'{{"method":"{method}","attribute":"number","values":[{value}]}}').decode()
        for method, value in queries
    )
    return f'{{"subscriptionId":"@id@","channels":["{channel}"],"queries":[{",".join(parts)}]}}'


def set_up_cases(server: Rest, endpoint: Endpoint) -> dict[str, Case]:
    """Make a table and a row, and say what may be subscribed to and how to cause an event of it."""
    server.call("POST", "/v1/tablesdb", {"databaseId": DATABASE, "name": "Benchmark"})
    table = {"tableId": TABLE, "name": "Points", "permissions": ['read("any")']}
    server.call("POST", f"/v1/tablesdb/{DATABASE}/tables", table)
    column = {"key": "number", "required": False}
    server.call("POST", f"/v1/tablesdb/{DATABASE}/tables/{TABLE}/columns/integer", column)
    server.call("POST", ROWS_PATH, {"rowId": "row7", "data": {"number": 0}})

    def case(subscriptions: int, number: int, channel: str, *queries: tuple[str, str]) -> Case:
        request = http_request("PATCH", f"{ROWS_PATH}/row7", server.headers, {"data": {"number": number}})
        place = Endpoint(endpoint.port, endpoint.path, row(channel, *queries), subscriptions)
        return Case(place, request)

    return {
        "row": case(1, 0, CHANNEL),
        # All of the first subscriber's eighth subscription.
        "channels": case(10, 0, f"{CHANNEL}.row@number@"),
        "equality": case(10, 7, CHANNEL, EQUAL),
        "range": case(10, 175, CHANNEL, *WITHIN),
    }
