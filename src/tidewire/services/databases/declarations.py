"""Operations on databases: declared once, in the words of tables, for several dialects of the API."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, get_type_hints

import msgspec

from tidewire.core.operations import Method, ResponseModel, parameters_of
from tidewire.core.parameters import Parameter
from tidewire.core.rate_limits import RateLimit
from tidewire.services.context import Context
from tidewire.services.databases.dialects import (
    COLLECTIONS,
    OPERATIONS,
    STRUCTURED,
    TABLES,
    Dialect,
    DialectCall,
)
from tidewire.services.databases.row_operations import RowOperation
from tidewire.services.databases.units import UnitOperation

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


def declare(
    name: str,
    method: Method,
    path: str,
    *,
    scopes: Sequence[str],
    status: int | None = None,
    model: ResponseModel | None = None,
    older_model: ResponseModel | None = None,
    aliases: Sequence[str] = (),
    event: str | None = None,
    limit: RateLimit | None = None,
    chosen_by: str = "",
    missing: str = "general_argument_invalid",
    dialects: Sequence[Dialect] = STRUCTURED,
    varying: Callable[[Dialect], Mapping[str, Any]] | None = None,
    required: Collection[str] = (),
    parameters: Sequence[Parameter] | None = None,
) -> Callable[[F], F]:
    """Declare the decorated function as an operation of several dialects.

    Its first argument is a :class:`DialectCall`; it may be a :class:`UnitOperation`. Everything is given in
    the words of tables; ``path`` begins after ``/tablesdb``. Of the scopes the other dialects have those for
    databases, collections and documents. ``older_model`` is needed for a union. ``varying`` gives, for a
    dialect, the annotations of those arguments that differ there. ``required`` are arguments that have to be
    given although they have a default. ``parameters`` replace those that the signature gives. Otherwise as
    :meth:`~tidewire.core.operations.Operations.declare`.
    """

    def declared(function: F) -> F:
        is_unit = isinstance(function, UnitOperation)
        signature: Callable[..., Any] = function.unit if isinstance(function, UnitOperation) else function
        answer: Any = model or get_type_hints(signature)["return"]
        is_model = isinstance(answer, type) and issubclass(answer, msgspec.Struct)
        for dialect in dialects:
            shown = older_model if older_model and dialect is COLLECTIONS else answer
            given = parameters
            if given is None:
                annotations = varying(dialect) if varying else None
                given = parameters_of(signature, method, path, annotations, skipped=2 if is_unit else 1)
            if isinstance(function, RowOperation):
                given = RowOperation.parameters(given, method)
            given = tuple(_in_words(dialect, each, required) for each in given)
            OPERATIONS[dialect].declare(
                dialect.word(name),
                method,
                dialect.base + dialect.word(path),
                scopes=_scopes(dialect, scopes),
                status=status,
                model=dialect.model(answer) if is_model else shown,
                aliases=tuple(dialect.base + dialect.word(alias) for alias in aliases),
                event=dialect.word(event) if event else None,
                limit=limit,
                chosen_by=dialect.word(chosen_by),
                missing=dialect.word(missing),
                parameters=given,
            )(_handler(dialect, function, inspect.getdoc(signature) or ""))
        return function

    return declared


def _in_words(dialect: Dialect, parameter: Parameter, required: Collection[str]) -> Parameter:
    named = replace(parameter, name=dialect.word(parameter.name))
    must = parameter.argument in required
    return replace(named, required=True, default=None, nullable=False) if must else named


def _handler(
    dialect: Dialect, function: Callable[..., Awaitable[Any]], text: str
) -> Callable[..., Awaitable[Any]]:
    """The handler of the operation in a dialect; ``text`` is its documentation in the words of tables."""

    def operation(context: Context, **given: Any) -> Awaitable[Any]:
        return function(DialectCall(context, dialect), **given)

    # ``Create a column`` becomes ``Create an attribute``: the article changes.
    operation.__doc__ = dialect.word(text).replace("a attribute", "an attribute")
    return operation


def _scopes(dialect: Dialect, scopes: Sequence[str]) -> tuple[str, ...]:
    """The scopes of the dialect; if it has none of its own, all of them."""
    older = () if dialect is TABLES else tuple(filter(_is_older, scopes))
    return older or tuple(scopes)


def _is_older(scope: str) -> bool:
    return scope.startswith(("databases.", "collections.", "documents."))
