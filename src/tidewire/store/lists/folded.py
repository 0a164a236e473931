"""Text without the case of its letters in SQL: what :mod:`tidewire.core.folding` makes of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, case, cast, func

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
