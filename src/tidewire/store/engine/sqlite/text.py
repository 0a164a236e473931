"""Text in SQL: compared without the case of its letters (:mod:`tidewire.core.folding`), and matched."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, and_, case, cast, func

Text = ColumnElement[Any]
Condition = ColumnElement[bool]


def folded(text: Text) -> Text:
    """The text in lower case. Python is asked only about text that is not plain ASCII."""
    not_ascii = func.length(cast(text, LargeBinary)) > func.length(text)
    return case((not_ascii, func.tidewire_folded(text)), else_=func.lower(text))


def contains(text: Text, part: Text) -> Condition:
    """Whether ``part``, which is folded, occurs in the text in upper or lower case; without wildcards."""
    return func.instr(folded(text), part) > 0


def starts_with(text: Text, prefix: Text) -> Condition:
    """Whether the text begins with ``prefix``, which is folded."""
    return func.substr(folded(text), 1, func.length(prefix)) == prefix


def ends_with(text: Text, suffix: Text) -> Condition:
    """Whether the text ends with ``suffix``, which is folded."""
    whole = folded(text)
    beginning = func.length(whole) - func.length(suffix)
    return (beginning >= 0) & (func.substr(whole, beginning + 1) == suffix)


def contains_of(text: Text, parts: Text, *, every: bool) -> Condition:
    """Whether the text contains one, or every one, of a JSON array of texts, in upper or lower case."""
    return func.tidewire_contains(text, parts, int(every)) == 1


def matches(text: Text, pattern: Text) -> Condition:
    """Whether a regular expression is found in the text (:mod:`tidewire.store.engine.patterns`)."""
    return func.tidewire_matches(text, pattern) == 1


def within_range(text: Text, low: Text, high: Text) -> Condition:
    """Whether the text is in a range of which little of the table is: an index shall be asked."""
    # Otherwise SQLite takes a range for much of the table, and several for all of it.
    return and_(func.unlikely(text >= low), func.unlikely(text < high))
