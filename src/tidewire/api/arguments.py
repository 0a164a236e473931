"""Arguments of operations: the parameters of a request, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from tidewire.api.bodies import RequestParameters
from tidewire.core.errors import TidewireError
from tidewire.core.parameters import InvalidParameterError, Parameter

_MISSING: Final = object()


def convert_path(parameters: Iterable[Parameter], values: Mapping[str, str]) -> dict[str, object]:
    """Check what stood in the placeholders of the path."""
    arguments: dict[str, object] = {}
    for parameter in parameters:
        try:
            arguments[parameter.argument] = parameter.check.convert(values[parameter.name])
        except InvalidParameterError as error:
            raise _invalid(parameter, error) from None
    return arguments


def convert_given(
    parameters: Iterable[Parameter],
    given: RequestParameters,
    arguments: dict[str, object],
    type_of_missing: str = "general_argument_invalid",
) -> None:
    """Check the parameters of a query string or body and add them to ``arguments``; ignore unknown ones.

    Raises ``general_argument_invalid`` for the first that does not fit, ``type_of_missing`` for one that is
    needed and missing.
    """
    values, textual = given
    for parameter in parameters:
        value = values.get(parameter.name, _MISSING)
        if textual and value is not _MISSING:
            value = _untangle(parameter, value)
        if value is _MISSING or (value is None and not parameter.check.condition):
            if value is None and parameter.nullable and _tells_null(parameter):
                arguments[parameter.argument] = None
            elif parameter.required:
                raise missing(parameter.name, type_of_missing)
            else:
                arguments[parameter.argument] = parameter.default
        else:
            try:
                arguments[parameter.argument] = parameter.check.convert(value)
            except InvalidParameterError as error:
                raise _invalid(parameter, error) from None


def _tells_null(parameter: Parameter) -> bool:
    """Whether null says something else than that the parameter is absent."""
    return parameter.required or parameter.default is msgspec.UNSET


def missing(name: str, type_: str = "general_argument_invalid") -> TidewireError:
    """The error for a required parameter that was not sent."""
    return TidewireError(type_, f'Param "{name}" is not optional.')


def _invalid(parameter: Parameter, error: InvalidParameterError) -> TidewireError:
    return TidewireError("general_argument_invalid", f"Invalid `{parameter.name}` param: {error}")


def _untangle(parameter: Parameter, value: Any) -> object:
    """Undo what a query string or form does to values that are not text.

    Brackets make lists look like mappings, whatever stands between them; JavaScript SDKs write null
    as the text ``null``, which is taken for text only where text is expected and null is not. A condition
    is not undone: it is refused then.
    """
    json_type = parameter.check.json_type
    if json_type == "array" and isinstance(value, dict):
        return list(value.values())
    if parameter.check.condition:
        return value
    if value == "null" and (parameter.nullable or (json_type != "string" and not parameter.required)):
        return None
    return value
