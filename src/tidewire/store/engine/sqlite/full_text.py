"""Search for words: an index of words is a table of SQLite's FTS5, kept up to date by triggers."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, column, select, table

_WORD: Final = re.compile(r"\w+")


def words_column(position: int) -> str:
    """The column of an index of words that has the words of a member of documents."""
    return f"w{position}"


def match_expression(text: str, name: str) -> str:
    """Return what FTS5 is asked for: any of the words, the last of which may be a beginning; or a quoted
    phrase."""
    words = _WORD.findall(text)
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        return f'{name} : "{" ".join(words)}"'
    # Words consist of letters, digits and underscores, so they cannot close the quotes around them.
    terms = [f'"{word}"' for word in words]
    return f"{name} : ({' OR '.join(terms)}*)" if terms else f'{name} : ""'


def words_found(rows: Table, words: str, expression: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition that the index of words of this name finds the row."""
    index = table(words, column("rowid"), column(words))
    found = select(index.c.rowid).where(index.c[words].op("MATCH")(expression))
    return rows.c.sequence.in_(found)
