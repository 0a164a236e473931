"""Queries on subscriptions as an unmodified SDK writes them, on rows with columns of all kinds."""

from __future__ import annotations

from tests.sdk.node import run_node
from tests.support.server import TidewireServer

FIRST, SECOND, EMPTY, LAST = "first", "second", "empty", "last"


def test_every_query_that_an_sdk_writes(server: TidewireServer, api_key: str) -> None:
    everything = [FIRST, SECOND, EMPTY, LAST]
    assert run_node("queries.mjs", server.endpoint, server.project, api_key) == {
        "none": everything,
        "equal": [FIRST],
        "equal to a float": [FIRST],
        "equal to the largest": [LAST],
        "equal to a truth value": [SECOND],
        "equal to a text": [FIRST],
        "equal to an array": [FIRST],
        "equal to an id": [SECOND],
        "notEqual": [SECOND, EMPTY, LAST],
        "lessThan": [SECOND],
        "lessThanEqual": [SECOND],
        "greaterThan": [FIRST],
        "greaterThanEqual": [LAST],
        "isNull": [EMPTY, LAST],
        "isNotNull": [FIRST, SECOND],
        "or": [FIRST, SECOND],
        "select": everything,
        "between": [FIRST],
        "notBetween": [SECOND, LAST],
        "startsWith": [FIRST],
        "notStartsWith": [SECOND],
        "endsWith": [FIRST],
        "notEndsWith": [SECOND],
        "contains": [FIRST],
        "notContains": [SECOND],
        "search": [FIRST],
        "notSearch": [SECOND],
        "createdAfter": everything,
        "exists": everything,
        "notExists": everything,
        "all of several": [FIRST],
    }
