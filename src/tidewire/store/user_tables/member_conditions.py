"""Conditions on members of documents in SQL, by method.

None of them is unknown for a member that is there and not null: they can be negated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, exists, false, func, literal_column, or_, select

from tidewire.store.engine.dialect import (
    array_contains,
    contains,
    contains_of,
    elements_of,
    ends_with,
    folded,
    listed,
    matches,
    starts_with,
    words_found,
)
from tidewire.store.lists.conditions import all_of, any_of
from tidewire.store.user_tables.member_values import Kind, ScalarKind
from tidewire.store.user_tables.members import Member
from tidewire.store.user_tables.prefixes import within_ranges

Bound = ColumnElement[Any]
Condition = ColumnElement[bool]

ARRAY: Final[ColumnElement[str]] = literal_column("'array'")
OBJECT: Final[ColumnElement[str]] = literal_column("'object'")
_TEXT: Final[ColumnElement[str]] = literal_column("'text'")
_NUMBERS: Final[list[ColumnElement[str]]] = [literal_column("'integer'"), literal_column("'real'")]
_LEAST_TEXT: Final[ColumnElement[str]] = literal_column("''")
"""The least text. SQLite puts every number before it, and every other text after it."""


def _is(type_: ColumnElement[Any], kind: ScalarKind) -> Condition:
    return type_.in_(_NUMBERS) if kind == "number" else type_ == literal_column(f"'{kind}'")


def _paired(kinds: Sequence[ScalarKind], bound: Iterator[Bound]) -> list[tuple[ScalarKind, Bound | None]]:
    """The values: their kinds, and what they are bound to, which true, false and null are not."""
    return [(kind, next(bound) if kind in {"number", "text", "texts"} else None) for kind in kinds]


def _objects(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> list[Condition]:
    """The condition for each object that a query gives: the member is an object that has all of its parts."""
    rest = iter(bound)
    conditions: list[Condition] = []
    for leaves in kinds:
        assert isinstance(leaves, tuple)
        parts: list[Condition] = [member.type == OBJECT]
        for path, in_array, kind in leaves:
            part, ((_, value),) = member.within(path), _paired([kind], rest)
            if in_array:
                parts += [part.type == ARRAY, _held(part, kind, value)]
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
        if kind == "texts":
            texts = dict(pairs)[kind]
            assert texts is not None
            alternatives.append(and_(member.value.in_(listed(texts)), _is(member.type, "text")))
            continue
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
    within = within_ranges(member.value, bound[1:])
    return and_(*within, _is(member.type, "text"), starts_with(member.value, bound[0]))


def _ends_with(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    del kinds
    return and_(_is(member.type, "text"), ends_with(member.value, bound[0]))


def _contains(member: Member, kind: ScalarKind, bound: Bound | None, *, whole: bool = False) -> Condition:
    """Whether a text, or one among the elements of an array, has a text as a part, in upper or lower case.

    Of other kinds of values, and where ``whole``, whether an array has it among its elements.
    """
    if kind != "text" or bound is None:
        return case((member.type == ARRAY, _held(member, kind, bound)), else_=false())
    part = folded(bound)
    element = elements_of(member.source, member.path)
    within = exists(
        select(1).select_from(element).where(element.c.type == _TEXT, contains(element.c.value, part))
    )
    return case(
        (member.type == ARRAY, _held(member, kind, bound) if whole else within),
        (member.type == _TEXT, contains(member.value, part)),
        else_=false(),
    )


def _contains_many(member: Member, method: str, texts: Bound) -> Condition:
    """The condition that one of many texts, or all of them, are contained."""
    every = method == "containsAll"
    if every:
        array = case((member.type == ARRAY, member.value), else_="[]")
        held = array_contains(array, method, texts)
    else:
        element = elements_of(member.source, member.path)
        part = contains_of(element.c.value, texts, every=False)
        held = exists(select(1).select_from(element).where(element.c.type == _TEXT, part))
    return case(
        (member.type == ARRAY, held),
        (member.type == _TEXT, contains_of(member.value, texts, every=every)),
        else_=false(),
    )


def _held(member: Member, kind: ScalarKind, bound: Bound | None) -> Condition:
    """Whether an array has the value among its elements."""
    element = elements_of(member.source, member.path)
    same = [] if bound is None else [element.c.value == bound]
    return exists(select(1).select_from(element).where(*same, _is(element.c.type, kind)))


def _any_contained(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    if isinstance(kinds[0], tuple):
        return any_of(_objects(member, kinds, bound))
    if kinds[0] == "texts":
        return _contains_many(member, "containsAny", bound[0])
    return any_of([_contains(member, *pair) for pair in _paired(_scalars(kinds), iter(bound))])


def _all_contained(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    if isinstance(kinds[0], tuple):
        return all_of(_objects(member, kinds, bound))
    if kinds[0] == "texts":
        return _contains_many(member, "containsAll", bound[0])
    pairs = _paired(_scalars(kinds), iter(bound))
    return all_of([_contains(member, *pair, whole=True) for pair in pairs])


def _search(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    del kinds
    assert member.rows is not None
    return words_found(member.rows, member.words, bound[0])


def _regex(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    del kinds
    return and_(_is(member.type, "text"), matches(member.value, bound[0]))


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
