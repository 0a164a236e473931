"""Patterns of events that can be subscribed to by name, as webhooks do: ``buckets.*.files.*.create``.

A pattern names a resource, each ``*`` in it any id, and maybe what happens to it; without an action it
stands for everything that happens to the resource and to what it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

_ALL: Final = "create update delete"
_STORED: Final = "create update upsert delete"
_USER_ACTIONS: Final = """
    create delete update update.email update.name update.password update.status update.prefs update.phone
    update.mfa update.labels update.verification update.impersonator
"""


def _databases() -> Iterator[tuple[str, str]]:
    kinds = {
        "databases": ("tables.rows.columns", "collections.documents.attributes"),
        "tablesdb": ("tables.rows.columns",),
        "documentsdb": ("collections.documents.attributes",),
        "vectorsdb": ("collections.documents.attributes",),
    }
    for kind, models in kinds.items():
        yield kind, _ALL
        for words in models:
            table, row, column = words.split(".")
            yield f"{kind}.{table}", _ALL
            yield f"{kind}.{table}.{row}", _STORED
            yield f"{kind}.{table}.{column}", _ALL
            yield f"{kind}.{table}.indexes", _ALL


_ACTIONS: Final[Mapping[str, frozenset[str]]] = {
    resource: frozenset(actions.split())
    for resource, actions in (
        ("users", _USER_ACTIONS),
        ("users.sessions", "create delete"),
        ("users.recovery", "create update"),
        ("users.verification", "create update"),
        ("users.targets", _ALL),
        ("users.tokens", "create"),
        *_databases(),
        ("buckets", _ALL),
        ("buckets.files", _ALL),
        ("teams", "create delete update update.prefs"),
        ("teams.memberships", "create delete update update.status"),
        ("sites", _ALL),
        ("sites.deployments", _ALL),
        ("functions", _ALL),
        ("functions.deployments", _ALL),
        ("functions.executions", _ALL),
        ("messages", "create update"),
        ("topics", _ALL),
        ("topics.subscribers", "create delete"),
        ("providers", _ALL),
        ("schedules", "create"),
        ("rules", _ALL),
        ("reports", _ALL),
        ("reports.insights", _ALL),
        ("channels", _ALL),
        ("channels.messages", "create"),
    )
}
"""The words of a resource to what can happen to it."""

_LONGEST: Final = 512
_PLACE: Final = re.compile(r"\*|[A-Za-z0-9][A-Za-z0-9_-]{0,35}")


def is_event_pattern(text: str) -> bool:
    """Whether the text is the name of an event that can be subscribed to.

    Ids in a pattern must not contain dots, which separate its segments.
    """
    if len(text) > _LONGEST:
        return False
    segments = text.split(".")
    words: list[str] = []
    while (
        len(segments) >= 2 and ".".join([*words, segments[0]]) in _ACTIONS and _PLACE.fullmatch(segments[1])
    ):
        words.append(segments[0])
        segments = segments[2:]
    resource = ".".join(words)
    return resource in _ACTIONS and (not segments or ".".join(segments) in _ACTIONS[resource])
