"""Parts of an index as SQL: columns of tables, or members of documents."""

from __future__ import annotations

from dataclasses import dataclass

from tidewire.store.engine.sqlite.json_values import quoted_path


@dataclass(frozen=True)
class Indexed:
    """A column, or the member at a path in one."""

    column: str
    path: tuple[str, ...] | None = None
    """The path of a member in the column; None: the column itself."""

    def value(self, row: str = "") -> str:
        """The expression; ``row`` is ``new.`` or the like."""
        if self.path is None:
            return f"{row}{self.column}"
        return f"json_extract({row}{self.column}, {quoted_path(self.path)})"

    def words(self, row: str) -> str:
        """Return what is searched for words: the column, or the member if it is text."""
        if self.path is None:
            return self.value(row)
        return f"CASE {self._type(row)} WHEN 'text' THEN {self.value(row)} END"

    def kind(self, row: str = "") -> str:
        """Return what tells members apart whose values look alike to SQL: true and 1, an array and its
        text."""
        numbers = {"true": 1, "false": 1, "array": 2, "object": 2}
        cases = " ".join(f"WHEN '{kind}' THEN {number}" for kind, number in numbers.items())
        return f"CASE {self._type(row)} {cases} ELSE 0 END"

    def _type(self, row: str) -> str:
        assert self.path is not None
        return f"json_type({row}{self.column}, {quoted_path(self.path)})"
