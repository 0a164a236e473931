"""The SQL that differs between databases, as functions: the one door to it for everything outside the engine.

Statements elsewhere are SQLAlchemy's own, which compiles them for whichever database it speaks to. What that
does not cover is here: JSON, text, words, shapes, vectors, upserts, tables that change. Expressions are made
when a statement is built, once for each shape of it, so that nothing here costs anything when it is executed.
"""

from __future__ import annotations

from tidewire.store.engine.sqlite.full_text import match_expression, words_column, words_found
from tidewire.store.engine.sqlite.indexed import Indexed
from tidewire.store.engine.sqlite.json_values import (
    array_contains,
    elements_of,
    listed,
    path_to,
    type_at,
    value_at,
)
from tidewire.store.engine.sqlite.side_indexes import SideIndex
from tidewire.store.engine.sqlite.spatial import box_meets, distance, relates
from tidewire.store.engine.sqlite.tables import (
    add_column,
    create_index,
    drop_column,
    drop_index,
    drop_tables,
    upsert,
)
from tidewire.store.engine.sqlite.text import (
    contains,
    contains_of,
    ends_with,
    folded,
    matches,
    starts_with,
    within_range,
)
from tidewire.store.engine.sqlite.vectors import (
    cosine_distance,
    euclidean_distance,
    keep_vectors,
    packed,
    prepare_vectors,
)

__all__ = [
    "Indexed", "SideIndex", "add_column", "array_contains", "box_meets", "contains", "contains_of",
    "cosine_distance", "create_index", "distance", "drop_column", "drop_index", "drop_tables", "elements_of",
    "ends_with", "euclidean_distance", "folded", "keep_vectors", "listed", "match_expression",
    "matches", "packed", "path_to", "prepare_vectors", "relates", "starts_with", "type_at", "upsert",
    "value_at", "within_range", "words_column", "words_found",
]  # fmt: skip
