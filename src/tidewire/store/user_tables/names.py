"""Names in SQL: made from sequences, so that nothing that users write gets into a statement as a name."""

from __future__ import annotations


def rows_table(table: int) -> str:
    """Return the name of the table that holds the rows."""
    return f"t{table}"


def readers_table(table: int) -> str:
    """Return the name of the table that says which roles may read which rows."""
    return f"t{table}_readers"


def value_column(column: int) -> str:
    """Return the name of the column that holds the values of a column."""
    return f"c{column}"


def index_name(table: int, index: int) -> str:
    """Return the name of an index, or the table that serves as one: of words, or of boxes around shapes."""
    return f"t{table}_i{index}"


def vectors_table(table: int) -> str:
    """Return the name of the table that holds the vectors of rows as they are compared."""
    return f"t{table}_vectors"


def key_column(relationship: int) -> str:
    """Return the name of the column that holds the sequence of the related row."""
    return f"r{relationship}"


def key_index(table: int, relationship: int) -> str:
    """Return the name of the index on the column of :func:`key_column`."""
    return f"t{table}_r{relationship}"


def pairs_table(relationship: int) -> str:
    """Return the name of the table that holds the pairs of related rows."""
    return f"p{relationship}"
