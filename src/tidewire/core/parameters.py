"""Parameters of operations: how they are declared, and what is said where a value does not fit.

An operation annotates each of its parameters with a type and a check, for example
``name: Annotated[str, Text(1, 128)]``, or with an alias for both, such as ``bucket_id: CustomId``.
The checks are in :mod:`tidewire.core.checks`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Union, get_args, get_origin

import msgspec

Location = Literal["path", "query", "body"]


class InvalidParameterError(Exception):
    """A value that a parameter does not accept; the text completes ``Invalid `x` param:``."""


@dataclass(frozen=True, kw_only=True)
class Check(ABC):
    """What a value must be. Subclasses convert a wire value to the one the operation receives."""

    json_type: ClassVar[str] = "any"
    details: ClassVar[Mapping[str, object]] = {}
    """What JSON Schema says of it beside the type."""
    condition: ClassVar[bool] = False
    """Whether it limits what a change or a deletion applies to. Then null does not count as absent, and the
    parameter is read wherever in the request it stands, so that it is never passed over."""
    conditions_within: ClassVar[tuple[str, ...]] = ()
    """Names of conditions in the objects that it holds."""

    @abstractmethod
    def convert(self, value: object) -> object:
        """Return the value as the operation receives it; raise :class:`InvalidParameterError`."""

    def schema(self) -> dict[str, object]:
        """The check as JSON Schema, for the OpenAPI document."""
        return {} if self.json_type == "any" else {"type": self.json_type, **self.details}


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operation."""

    name: str
    """The name on the wire."""
    argument: str
    """The name in the function's signature."""
    location: Location
    check: Check
    required: bool
    default: object
    """What the operation receives if it is not sent, or is null. With ``msgspec.UNSET`` null is received as
    None."""
    nullable: bool


def parameter_of(
    argument: str,
    annotation: Any,
    required: bool,
    default: object,
    locate: Callable[[str], Location],
) -> Parameter:
    """Read a parameter from an argument annotated ``Annotated[<type>, <Check>]``, maybe ``| None``.

    One that tells null from what is not sent is annotated ``... | None | UnsetType``.
    """
    nullable = False
    if get_origin(annotation) in {Union, UnionType}:
        members = [member for member in get_args(annotation) if member not in (NoneType, msgspec.UnsetType)]
        nullable = NoneType in get_args(annotation)
        (annotation,) = members
    checks = [extra for extra in get_args(annotation)[1:] if isinstance(extra, Check)]
    if len(checks) != 1:
        raise TypeError(f"parameter {argument} needs exactly one Check in its annotation")
    name = wire_name(argument)
    return Parameter(name, argument, locate(name), checks[0], required, default, nullable)


def wire_name(argument: str) -> str:
    """``bucket_id`` to ``bucketId``; a trailing underscore, which avoids a keyword, is dropped."""
    head, *rest = argument.rstrip("_").split("_")
    return head + "".join(word.capitalize() for word in rest)
