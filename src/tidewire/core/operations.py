"""Operations: what a service offers, declared once beside the function that does it.

REST routes, the OpenAPI document and the scope checks all derive from these declarations.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Final, Literal, ParamSpec, TypeVar, get_args, get_type_hints

import msgspec

from tidewire.core.downloads import Download
from tidewire.core.parameters import Location, Parameter, parameter_of
from tidewire.core.rate_limits import RateLimit
from tidewire.core.redirection import Redirection
from tidewire.core.uploads import Storing

P = ParamSpec("P")
R = TypeVar("R")

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Handler = Callable[..., Awaitable[Any]]
ResponseModel = type[msgspec.Struct] | UnionType
"""One model, or several that their tags tell apart."""
StoringRule = Callable[[Any, Mapping[str, str]], Storing]
"""Finds out how a file is to be stored, on a connection to the project's database, from the texts that the
request has for placeholders of the path; nothing is checked of these."""
AnswerKind = Literal["json", "empty", "text", "binary", "redirect"]
_KINDS: Final[Mapping[Any, AnswerKind]] = {
    None: "empty",
    NoneType: "empty",
    str: "text",
    Download: "binary",
    Redirection: "redirect",
}
"""The kind of an operation's answer, by the return type of its function; JSON for any other type."""


@dataclass(frozen=True)
class Operation:
    """One operation of the API: how it is reached, by whom, and what it answers."""

    name: str
    """SDK name, for example ``storage.createBucket``."""
    method: Method
    path: str
    """Path below ``/v1`` with ``{placeholders}`` in wire spelling."""
    aliases: tuple[str, ...]
    """Older paths that keep working."""
    scopes: tuple[str, ...]
    """The caller needs one of these."""
    status: int
    model: ResponseModel | None
    """Response model; None for an answer that is no JSON."""
    kind: AnswerKind
    event: str | None
    """Pattern of the event that the operation writes to the log, with ``[placeholders]``."""
    groups: tuple[str, ...]
    """``session``: refused when the caller already has a session; ``mfa``: open to a session that still needs
    its second factor; ``mfaProtected``: only after a second factor was shown lately; ``teamScoped``: scopes
    are those of the person's roles in the team that ``teamId`` names."""
    multipart: bool
    """The request is ``multipart/form-data`` with one file, possibly in chunks."""
    limit: RateLimit | None
    """The limit of how often it may be called; None if there is no limit."""
    parameters: tuple[Parameter, ...]
    handler: Handler
    summary: str
    extension: bool
    """Whether it is Tidewire's own: no other server has it, and no SDK."""
    chosen_by: str
    """Body parameter that, where it is present, makes a request to the method and path of another operation
    one to this; empty if the path is the operation's own."""
    missing: str
    """Type of the error for a required parameter that is not sent."""
    storing: StoringRule | None = None
    """How the file of the request is to be stored; None: as it is."""

    @property
    def service(self) -> str:
        """The first part of the name."""
        return self.name.partition(".")[0]

    @property
    def models(self) -> tuple[type[msgspec.Struct], ...]:
        """The response models that there are to choose from."""
        if isinstance(self.model, UnionType):
            return get_args(self.model)
        return () if self.model is None else (self.model,)


class Operations:
    """The operations of one service, in the order of their declaration."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.declared: list[Operation] = []

    def declare(
        self,
        name: str,
        method: Method,
        path: str,
        *,
        scopes: tuple[str, ...],
        status: int | None = None,
        model: ResponseModel | type[None] | None = None,
        aliases: tuple[str, ...] = (),
        event: str | None = None,
        groups: tuple[str, ...] = (),
        multipart: bool = False,
        limit: RateLimit | None = None,
        extension: bool = False,
        chosen_by: str = "",
        missing: str = "general_argument_invalid",
        parameters: tuple[Parameter, ...] | None = None,
        storing: StoringRule | None = None,
    ) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
        """Declare the decorated coroutine function as operation ``name`` of this service.

        The function's first parameter receives the request's context; each further one is a
        parameter of the operation: ``snake_case`` here, ``camelCase`` on the wire, its checks given
        by its annotation (:mod:`tidewire.core.parameters`). A parameter with a default is optional.
        ``parameters`` replace those that the function's signature gives.

        What the function returns says what the operation answers with: a model, text (``str``), content
        (:class:`Download`), a redirection (:class:`Redirection`) or nothing. ``model`` is needed where it
        returns the JSON object of a model in another form. Without ``status`` the answer has 200, or 204 if
        it is empty.
        """

        def declared(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
            answer: Any = model or get_type_hints(function)["return"]
            kind = _KINDS.get(answer, "json")
            self.declared.append(
                Operation(
                    name=f"{self.service}.{name}",
                    method=method,
                    path=path,
                    aliases=aliases,
                    scopes=scopes,
                    status=status or (204 if kind == "empty" else 200),
                    model=answer if kind == "json" else None,
                    kind=kind,
                    event=event,
                    groups=groups,
                    multipart=multipart,
                    limit=limit,
                    parameters=parameters_of(function, method, path) if parameters is None else parameters,
                    handler=function,
                    summary=(inspect.getdoc(function) or "").partition("\n")[0],
                    extension=extension,
                    chosen_by=chosen_by,
                    missing=missing,
                    storing=storing,
                )
            )
            return function

        return declared


def parameters_of(
    function: Callable[..., Any],
    method: Method,
    path: str,
    annotations: Mapping[str, Any] | None = None,
    *,
    skipped: int = 1,
) -> tuple[Parameter, ...]:
    """The parameters of an operation, as the signature of the function that does it gives them.

    ``annotations`` replace those of the function's arguments, of which the first ``skipped`` are no
    parameters.
    """
    hints = get_type_hints(function, include_extras=True) | dict(annotations or {})
    arguments = list(inspect.signature(function).parameters.values())[skipped:]
    locate = locator(method, path)
    return tuple(
        parameter_of(
            argument.name,
            hints[argument.name],
            argument.default is inspect.Parameter.empty,
            None if argument.default is inspect.Parameter.empty else argument.default,
            locate,
        )
        for argument in arguments
    )


def named_parameters(
    method: Method, path: str, annotations: Mapping[str, Any], optional: Mapping[str, object] | None = None
) -> tuple[Parameter, ...]:
    """The parameters of an operation, by their names and annotations; ``optional`` has default values."""
    defaults, locate = optional or {}, locator(method, path)
    return tuple(
        parameter_of(name, annotation, name not in defaults, defaults.get(name), locate)
        for name, annotation in annotations.items()
    )


def locator(method: Method, path: str) -> Callable[[str], Location]:
    """Tells where a parameter stands in requests to a method and path, by its name on the wire."""
    in_path = set(re.findall(r"{(\w+)}", path))
    elsewhere: Location = "query" if method == "GET" else "body"
    return lambda name: "path" if name in in_path else elsewhere
