"""Conditions on members of documents in SQL, by method.

None of them is unknown for a member that is there and not null: they can be negated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, exists, false, func, literal_column, or_, select

from tidewire.store.conditions import all_of, any_of
from tidewire.store.user_tables.member_values import Kind, ScalarKind
from tidewire.store.user_tables.members import Member
from tidewire.store.user_tables.words import words_found

Bound = ColumnElement[Any]
Condition = ColumnElement[bool]

ARRAY: Final[ColumnElement[str]] = literal_column("'array'")
OBJECT: Final[ColumnElement[str]] = literal_column("'object'")
_TEXT: Final[ColumnElement[str]] = literal_column("'text'")
_NUMBERS: Final[list[ColumnElement[str]]] = [literal_column("'integer'"), literal_column("'real'")]
_LEAST_TEXT: Final[ColumnElement[str]] = literal_column("''")
"""Every number is less, every other text greater."""


def _is(type_: ColumnElement[Any], kind: ScalarKind) -> Condition:
    return type_.in_(_NUMBERS) if kind == "number" else type_ == literal_column(f"'{kind}'")


def _paired(kinds: Sequence[ScalarKind], bound: Iterator[Bound]) -> list[tuple[ScalarKind, Bound | None]]:
    """The values: their kinds, and what they are bound to, which true, false and null are not."""
    return [(kind, next(bound) if kind in {"number", "text"} else None) for kind in kinds]


def _objects(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> list[Condition]:
    """For each object that a query gives, whether the member is one that has all of its parts."""
    rest = iter(bound)
    conditions: list[Condition] = []
    for leaves in kinds:
        assert isinstance(leaves, tuple)
        parts: list[Condition] = [member.type == OBJECT]
        for path, in_array, kind in leaves:
            part, ((_, value),) = member.within(path), _paired([kind], rest)
            if in_array:
                parts += [part.type == ARRAY, _contains(part, kind, value)]
            else:
                same = [] if value is None else [part.value == value]
                # A missing part has no type, and the negation of what follows must not be unknown.
                parts.append(and_(*same, func.coalesce(_is(part.type, kind), false())))
        conditions.append(func.coalesce(all_of(parts), false()))
    return conditions


def _scalars(kinds: Sequence[Kind]) -> list[ScalarKind]:
    return [kind for kind in kinds if not isinstance(kind, tuple)]


def _equal(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    if isinstance(kinds[0], tuple):
        return any_of(_objects(member, kinds, bound))
    pairs = _paired(_scalars(kinds), iter(bound))
    alternatives: list[Condition] = []
    for kind in dict.fromkeys(_scalars(kinds)):
        of_kind = [each for other, each in pairs if other == kind and each is not None]
        same = (
            [member.value == of_kind[0] if len(of_kind) == 1 else member.value.in_(of_kind)]
            if of_kind
            else []
        )
        alternatives.append(and_(*same, _is(member.type, kind)))
    return or_(*alternatives)


def _less(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    return _ordered(member, _scalars(kinds)[0], member.value < bound[0], upper=True)


def _less_equal(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    return _ordered(member, _scalars(kinds)[0], member.value <= bound[0], upper=True)


def _greater(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    return _ordered(member, _scalars(kinds)[0], member.value > bound[0], upper=False)


def _greater_equal(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    return _ordered(member, _scalars(kinds)[0], member.value >= bound[0], upper=False)


def _ordered(member: Member, kind: ScalarKind, compared: Condition, *, upper: bool) -> Condition:
    """A range with one end: the other is where values of the kind end, which saves reading an index on."""
    end: list[Condition] = []
    if kind == "text" and upper:
        end = [member.value >= _LEAST_TEXT]
    elif kind == "number" and not upper:
        end = [member.value < _LEAST_TEXT]
    return and_(compared, *end, _is(member.type, kind))


def _between(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    return and_(member.value.between(bound[0], bound[1]), _is(member.type, _scalars(kinds)[0]))


def _starts_with(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    del kinds
    end = [member.value < bound[1]] if len(bound) == 2 else []
    return and_(member.value >= bound[0], *end, _is(member.type, "text"))


def _ends_with(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    del kinds
    length = func.length(member.value)
    ending = func.substr(member.value, length - bound[1] + 1) == bound[0]
    return and_(length >= bound[1], ending, _is(member.type, "text"))


def _contains(member: Member, kind: ScalarKind, bound: Bound | None) -> Condition:
    """Whether an array has the value among its elements, or a text has it as a part."""
    element = func.json_each(member.source, member.path).table_valued("value", "type").alias()
    same = [] if bound is None else [element.c.value == bound]
    held = exists(select(1).select_from(element).where(*same, _is(element.c.type, kind)))
    choices: list[tuple[Condition, Condition]] = [(member.type == ARRAY, held)]
    if kind == "text":
        # Exact about case, and without wildcards.
        choices.append((member.type == _TEXT, func.instr(member.value, bound) > 0))
    return case(*choices, else_=false())


def _any_contained(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    if isinstance(kinds[0], tuple):
        return any_of(_objects(member, kinds, bound))
    return any_of([_contains(member, *pair) for pair in _paired(_scalars(kinds), iter(bound))])


def _all_contained(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    if isinstance(kinds[0], tuple):
        return all_of(_objects(member, kinds, bound))
    return all_of([_contains(member, *pair) for pair in _paired(_scalars(kinds), iter(bound))])


def _search(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    del kinds
    assert member.rows is not None
    return words_found(member.rows, member.words, bound[0])


def _regex(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    del kinds
    return and_(_is(member.type, "text"), func.tidewire_matches(member.value, bound[0]) == 1)


CONDITIONS: Final[Mapping[str, Callable[[Member, Sequence[Kind], Sequence[Bound]], Condition]]] = {
    "equal": _equal,
    "notEqual": _equal,
    "lessThan": _less,
    "lessThanEqual": _less_equal,
    "greaterThan": _greater,
    "greaterThanEqual": _greater_equal,
    "between": _between,
    "notBetween": _between,
    "contains": _any_contained,
    "containsAny": _any_contained,
    "containsAll": _all_contained,
    "notContains": _any_contained,
    "startsWith": _starts_with,
    "notStartsWith": _starts_with,
    "endsWith": _ends_with,
    "notEndsWith": _ends_with,
    "search": _search,
    "notSearch": _search,
    "regex": _regex,
}
