"""Many conditions joined, as a tree that is never deep: databases refuse deep ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Boolean, ColumnElement, and_, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

Condition = ColumnElement[bool]

FEW: Final = 8
"""The most values that have a parameter of their own each."""
_SIDE_BY_SIDE: Final = 32
"""Conditions that stand on one level. SQLite counts each as a level of its own, and takes 1,000."""


def all_of(conditions: Sequence[Condition]) -> Condition:
    """Whether all of at least one condition hold."""
    return _joined(and_, list(conditions))


def any_of(conditions: Sequence[Condition]) -> Condition:
    """Whether any of at least one condition holds."""
    return _joined(or_, list(conditions))


def _joined(join: Callable[..., Any], conditions: list[Condition]) -> Condition:
    while len(conditions) > _SIDE_BY_SIDE:
        conditions = [
            _Together(join(*conditions[start : start + _SIDE_BY_SIDE]))
            for start in range(0, len(conditions), _SIDE_BY_SIDE)
        ]
    joined: Condition = join(*conditions)
    return joined


class _Together(ColumnElement[bool]):
    """A condition in parentheses, which SQLAlchemy would leave out between conditions joined alike."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, condition: Condition) -> None:
        self.condition = condition

    @property
    def _from_objects(self) -> Any:
        return self.condition._from_objects  # noqa: SLF001 - what SQLAlchemy asks of every element


@compiles(_Together)
def _in_parentheses(element: _Together, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.condition, **options)})"
