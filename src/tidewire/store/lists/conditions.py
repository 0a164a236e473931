"""Many conditions joined, as a tree that is never deep, for SQLite refuses deep ones; and many values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Boolean, ColumnElement, Select, and_, exists, func, not_, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

Condition = ColumnElement[bool]

FEW: Final = 8
"""Up to so many values have a parameter of their own each."""
_SIDE_BY_SIDE: Final = 32
"""Conditions that stand on one level. SQLite counts each as a level of its own, and takes 1,000."""


def all_of(conditions: Sequence[Condition]) -> Condition:
    """Whether all of at least one condition hold."""
    return _joined(and_, list(conditions))


def any_of(conditions: Sequence[Condition]) -> Condition:
    """Whether any of at least one condition holds."""
    return _joined(or_, list(conditions))


def listed(values: ColumnElement[Any]) -> Select[Any]:
    """The values of a JSON array, for ``in_``: one parameter, however many they are."""
    return select(func.json_each(values).table_valued("value").alias("given").c.value)


def array_contains(array: ColumnElement[Any], method: str, values: ColumnElement[Any]) -> Condition:
    """``contains``, ``containsAny``, ``containsAll`` or ``notContains`` on a JSON array.

    ``values`` is a JSON array too. Unknown where there is no array.
    """
    element = func.json_each(array).table_valued("value").alias("element")
    found = element.c.value.in_(listed(values))
    if method == "containsAll":
        given = listed(values).subquery().c.value
        wanted = select(func.count(given.distinct())).scalar_subquery()
        held = select(func.count(element.c.value.distinct())).select_from(element).where(found)
        return and_(array.is_not(None), held.scalar_subquery() == wanted)
    held_one = exists(select(1).select_from(element).where(found))
    return and_(array.is_not(None), not_(held_one)) if method == "notContains" else held_one


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
