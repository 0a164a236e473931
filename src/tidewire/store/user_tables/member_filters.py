"""Filters on members of documents as SQL.

A value is compared with values of its own kind only: numbers with numbers, text with text, true and false
with these. A comparison with a missing member or with null is false, and so is its negation; a value of
another kind is not equal, and not between. An array can be asked what it contains, a text too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, and_, case, exists, false, func, literal_column, not_, or_, select, text

from tidewire.core.columns import INT64, text_problem
from tidewire.core.queries import Query
from tidewire.store.list_filters import MAX_VALUES, InvalidFilterError
from tidewire.store.user_tables.functions import compiled_pattern
from tidewire.store.user_tables.members import Member, element_member
from tidewire.store.user_tables.prefixes import following
from tidewire.store.user_tables.words import match_expression, words_found

Bound = ColumnElement[Any]
Condition = ColumnElement[bool]
Kind = Literal["number", "text", "true", "false"]
Place = Callable[[str], Member]
"""Where attributes are looked for: in documents, or in the elements of an array."""
Shape = tuple[Any, ...]
"""``("member", method, attribute, kinds of the values or shapes)``."""

_LOGICAL: Final = frozenset({"and", "or"})
_LEAST_TEXT: Final[ColumnElement[str]] = literal_column("''")
"""Every number is less, every other text greater."""
_ARRAY: Final[ColumnElement[str]] = literal_column("'array'")
_OBJECT: Final[ColumnElement[str]] = literal_column("'object'")
_TEXT: Final[ColumnElement[str]] = literal_column("'text'")
_NUMBERS: Final[list[ColumnElement[str]]] = [literal_column("'integer'"), literal_column("'real'")]


def read_filter(place: Place, query: Query, values: list[Any]) -> Shape:
    """The shape of a filter; its values are added to ``values``. Raises :class:`InvalidFilterError`."""
    method, attribute = query.method, query.attribute
    if method in _LOGICAL:
        if not query.values:
            raise InvalidFilterError(f"The query {method} needs at least one query in its values.")
        return ("member", method, "", tuple(read_filter(place, part, values) for part in query.values))
    if method in {"exists", "notExists"}:
        return read_existence(place, query)
    member = place(attribute)
    if method in {"isNull", "isNotNull"}:
        return ("member", method, attribute, ())
    if method == "elemMatch":
        if not query.values:
            raise InvalidFilterError("The query elemMatch needs at least one query in its values.")
        parts = tuple(read_filter(_unplaced, part, values) for part in query.values)
        return ("member", method, attribute, parts)
    if method not in _CONDITIONS:
        raise InvalidFilterError(f"The query {method} cannot be used on {attribute[:64]}.")
    given = _given(query)
    kinds = tuple(_kind(query, value) for value in given)
    bound = _READ.get(method, _plain)(member, query, given, kinds)
    values += bound
    return ("member", method, attribute, kinds, len(bound))


def read_existence(place: Place, query: Query) -> Shape:
    """The shape of ``exists`` or ``notExists``, whose values are attributes."""
    attributes = query.values
    if not 1 <= len(attributes) <= MAX_VALUES or not all(isinstance(each, str) for each in attributes):
        raise InvalidFilterError(f"The query {query.method} needs the names of attributes.")
    for attribute in attributes:
        place(attribute)
    return ("member", query.method, "", attributes)


def condition(place: Place, shape: Shape, binds: Iterator[Bound]) -> Condition:
    """The condition of a shape; takes as many of ``binds`` as the shape has values, in the same order."""
    _, method, attribute, parts = shape[:4]
    if method in _LOGICAL:
        joined = [condition(place, part, binds) for part in parts]
        return and_(*joined) if method == "and" else or_(*joined)
    if method == "exists":
        return and_(*(place(each).type.is_not(None) for each in parts))
    if method == "notExists":
        return and_(*(place(each).type.is_(None) for each in parts))
    member = place(attribute)
    if method == "isNull":
        return member.value.is_(None)
    if method == "isNotNull":
        return member.value.is_not(None)
    if method == "elemMatch":
        return _element_matches(member, parts, binds)
    bound = [next(binds) for _ in range(shape[4])]
    found = _CONDITIONS[method](member, parts, bound)
    return and_(_present(member), not_(found)) if method in _NEGATIVE else found


def _unplaced(attribute: str) -> Member:
    """A member of elements that are not there yet."""
    return element_member(text("NULL"), attribute)  # type: ignore[arg-type]


def _given(query: Query) -> Sequence[Any]:
    given, needed = query.values, _COUNTS.get(query.method, 0)
    if needed and len(given) != needed:
        wanted = "one value" if needed == 1 else f"{needed} values"
        raise InvalidFilterError(f"The query {query.method} needs exactly {wanted}, not {len(given)}.")
    if not 1 <= len(given) <= MAX_VALUES:
        raise InvalidFilterError(
            f"The query {query.method} needs 1 to {MAX_VALUES} values, not {len(given)}."
        )
    return given


def _kind(query: Query, value: object) -> Kind:
    problem = ""
    if isinstance(value, bool):
        if query.method not in _EQUALITY:
            raise _wrong(query, "true and false have no order and no parts.")
        return "true" if value else "false"
    if isinstance(value, str):
        problem = text_problem(value)
        if not problem:
            return "text"
    elif isinstance(value, float) or (isinstance(value, int) and value in INT64):
        if query.method not in _TEXTUAL:
            return "number"
        problem = "it must be text."
    raise _wrong(query, problem or "it must be text, a number of 64 bits, true or false.")


def _wrong(query: Query, problem: str) -> InvalidFilterError:
    return InvalidFilterError(
        f"The query {query.method} on {query.attribute[:64]} has a value that does not fit: {problem}"
    )


def _plain(member: Member, query: Query, given: Sequence[Any], kinds: Sequence[Kind]) -> list[Any]:
    del member
    if query.method in {"between", "notBetween"} and kinds[0] != kinds[1]:
        raise _wrong(query, "both must be numbers, or both text.")
    return [value for value in given if not isinstance(value, bool)]


def _read_prefix(member: Member, query: Query, given: Sequence[Any], kinds: Sequence[Kind]) -> list[Any]:
    del member, query, kinds
    end = following(given[0])
    return [given[0]] if end is None else [given[0], end]


def _read_suffix(member: Member, query: Query, given: Sequence[Any], kinds: Sequence[Kind]) -> list[Any]:
    del member, query, kinds
    return [given[0], len(given[0])]


def _read_search(member: Member, query: Query, given: Sequence[Any], kinds: Sequence[Kind]) -> list[Any]:
    del query, kinds
    if not member.words:
        raise InvalidFilterError(f"Searching in {member.key} needs an index of type fulltext on it.")
    return [match_expression(given[0], member.words_column)]


def _read_pattern(member: Member, query: Query, given: Sequence[Any], kinds: Sequence[Kind]) -> list[Any]:
    del member, kinds
    try:
        compiled_pattern(given[0])
    except ValueError as error:
        raise _wrong(query, f"it must be a regular expression ({error}).") from None
    return list(given)


def _present(member: Member) -> Condition:
    return member.value.is_not(None)


def _is(type_: ColumnElement[Any], kind: Kind) -> Condition:
    return type_.in_(_NUMBERS) if kind == "number" else type_ == literal_column(f"'{kind}'")


def _paired(kinds: Sequence[Kind], bound: Sequence[Bound]) -> list[tuple[Kind, Bound | None]]:
    """The values: their kinds, and what they are bound to, which true and false are not."""
    rest = iter(bound)
    return [(kind, next(rest) if kind in {"number", "text"} else None) for kind in kinds]


def _equal(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    pairs = _paired(kinds, bound)
    alternatives: list[Condition] = []
    for kind in dict.fromkeys(kinds):
        of_kind = [each for other, each in pairs if other == kind and each is not None]
        same = (
            [member.value == of_kind[0] if len(of_kind) == 1 else member.value.in_(of_kind)]
            if of_kind
            else []
        )
        alternatives.append(and_(*same, _is(member.type, kind)))
    return or_(*alternatives)


def _less(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    return _ordered(member, kinds[0], member.value < bound[0], upper=True)


def _less_equal(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    return _ordered(member, kinds[0], member.value <= bound[0], upper=True)


def _greater(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    return _ordered(member, kinds[0], member.value > bound[0], upper=False)


def _greater_equal(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    return _ordered(member, kinds[0], member.value >= bound[0], upper=False)


def _ordered(member: Member, kind: Kind, compared: Condition, *, upper: bool) -> Condition:
    """A range with one end: the other is where values of the kind end, which saves reading an index on."""
    end: list[Condition] = []
    if kind == "text" and upper:
        end = [member.value >= _LEAST_TEXT]
    elif kind == "number" and not upper:
        end = [member.value < _LEAST_TEXT]
    return and_(compared, *end, _is(member.type, kind))


def _between(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    return and_(member.value.between(bound[0], bound[1]), _is(member.type, kinds[0]))


def _starts_with(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    del kinds
    end = [member.value < bound[1]] if len(bound) == 2 else []
    return and_(member.value >= bound[0], *end, _is(member.type, "text"))


def _ends_with(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    del kinds
    length = func.length(member.value)
    ending = func.substr(member.value, length - bound[1] + 1) == bound[0]
    return and_(length >= bound[1], ending, _is(member.type, "text"))


def _contains(member: Member, kind: Kind, bound: Bound | None) -> Condition:
    """Whether an array has the value among its elements, or a text has it as a part."""
    element = func.json_each(member.source, member.path).table_valued("value", "type").alias()
    same = [] if bound is None else [element.c.value == bound]
    held = exists(select(1).select_from(element).where(*same, _is(element.c.type, kind)))
    choices: list[tuple[Condition, Condition]] = [(member.type == _ARRAY, held)]
    if kind == "text":
        # Exact about case, and without wildcards.
        choices.append((member.type == _TEXT, func.instr(member.value, bound) > 0))
    return case(*choices, else_=false())


def _any_contained(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    return or_(*(_contains(member, *pair) for pair in _paired(kinds, bound)))


def _all_contained(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    return and_(*(_contains(member, *pair) for pair in _paired(kinds, bound)))


def _search(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    del kinds
    assert member.rows is not None
    return words_found(member.rows, member.words, bound[0])


def _regex(member: Member, kinds: Sequence[Kind], bound: Sequence[Bound]) -> Condition:
    del kinds
    return and_(_is(member.type, "text"), func.tidewire_matches(member.value, bound[0]) == 1)


def _element_matches(member: Member, parts: Sequence[Shape], binds: Iterator[Bound]) -> Condition:
    """Whether one element of an array, an object, fits all of the filters."""
    element = func.json_each(member.source, member.path).table_valued("value", "type").alias()
    # What is no object is no JSON text either, as it stands here.
    source = case((element.c.type == _OBJECT, element.c.value), else_="{}")
    conditions = [
        condition(lambda attribute: element_member(source, attribute), part, binds) for part in parts
    ]
    found = exists(select(1).select_from(element).where(element.c.type == _OBJECT, *conditions))
    return case((member.type == _ARRAY, found), else_=false())


_CONDITIONS: Final[Mapping[str, Callable[[Member, Sequence[Kind], Sequence[Bound]], Condition]]] = {
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
_NEGATIVE: Final = frozenset(method for method in _CONDITIONS if method.startswith("not"))
_EQUALITY: Final = frozenset({"equal", "notEqual", "contains", "containsAny", "containsAll", "notContains"})
"""Methods that take true and false."""
_TEXTUAL: Final = frozenset(
    {"startsWith", "notStartsWith", "endsWith", "notEndsWith", "search", "notSearch", "regex"}
)
_COUNTS: Final = {
    **dict.fromkeys(("lessThan", "lessThanEqual", "greaterThan", "greaterThanEqual", *_TEXTUAL), 1),
    "between": 2,
    "notBetween": 2,
}
_READ: Final[Mapping[str, Callable[[Member, Query, Sequence[Any], Sequence[Kind]], list[Any]]]] = {
    "startsWith": _read_prefix,
    "notStartsWith": _read_prefix,
    "endsWith": _read_suffix,
    "notEndsWith": _read_suffix,
    "search": _read_search,
    "notSearch": _read_search,
    "regex": _read_pattern,
}
"""How values are made ready that are not bound as they are."""

METHODS: Final = frozenset({*_CONDITIONS, "exists", "notExists", "elemMatch"})
