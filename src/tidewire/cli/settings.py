"""Settings as they are given: by flags, environment variables and an optional file."""

from __future__ import annotations

import ast
import inspect
import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec

from tidewire.settings import Settings

ENVIRONMENT_PREFIX: Final = "TIDEWIRE_"
_OTHER_VARIABLES: Final = frozenset(
    {"TIDEWIRE_CONFIG", "TIDEWIRE_ENDPOINT", "TIDEWIRE_KEY", "TIDEWIRE_PROJECT", "TIDEWIRE_SESSION"}
)
"""Variables that begin as those of settings do, and belong to the command line."""


class SettingsError(Exception):
    """A setting that cannot be used; the text is one line that names it and its source."""


def setting_description(field: msgspec.structs.FieldInfo) -> str:
    """What a setting means: the text below its declaration, as one line."""
    return _descriptions()[field.name]


def is_secret(field: msgspec.structs.FieldInfo) -> bool:
    """Whether the value of a setting must not be shown."""
    metadata = getattr(field.type, "__metadata__", ())
    return any((getattr(entry, "extra", None) or {}).get("secret") for entry in metadata)


def load_settings(
    flags: Mapping[str, object], environment: Mapping[str, str] = os.environ, file: Path | None = None
) -> Settings:
    """Combine flags, ``TIDEWIRE_*`` variables and a TOML file, in this order of precedence.

    Flags that are None were not given. Raises :class:`SettingsError`.
    """
    if file is None and environment.get(ENVIRONMENT_PREFIX + "CONFIG"):
        file = Path(environment[ENVIRONMENT_PREFIX + "CONFIG"])
    values: dict[str, Any] = {}
    for source, given in (
        (f"file {file}", _from_file(file) if file else {}),
        ("environment", _from_environment(environment)),
        ("command line", {name: value for name, value in flags.items() if value is not None}),
    ):
        for name, value in given.items():
            values[name] = _checked(name, value, source)
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from None


def misspelt_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """What to say of variables that begin as settings do and are none, each with the one it is like."""
    names = [field.name.upper() for field in msgspec.structs.fields(Settings)]
    said = []
    for name in sorted(environment):
        own = name.removeprefix(ENVIRONMENT_PREFIX)
        if own != name and own not in names and name not in _OTHER_VARIABLES:
            like = get_close_matches(own, names, 1)
            said.append(
                f"{name} is no setting" + (f": is {ENVIRONMENT_PREFIX}{like[0]} meant?" if like else "")
            )
    return said


@cache
def _descriptions() -> Mapping[str, str]:
    """The texts below the fields of :class:`Settings` by name; Python itself does not keep them."""
    declaration = ast.parse(inspect.getsource(Settings)).body[0]
    assert isinstance(declaration, ast.ClassDef)
    return {
        field.target.id: " ".join(ast.literal_eval(text.value).split())
        for field, text in pairwise(declaration.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
    }


def _from_file(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the settings file {file}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the settings file {file} is not valid TOML: {error}") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    given: dict[str, object] = {}
    for field in msgspec.structs.fields(Settings):
        value = environment.get(ENVIRONMENT_PREFIX + field.name.upper())
        if value is not None:
            given[field.name] = value
    return given


def _checked(name: str, value: object, source: str) -> object:
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    if name not in fields:
        raise SettingsError(f"unknown setting {name!r} ({source}); `tidewire settings` lists all of them")
    annotation = fields[name].type
    plain = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    if plain is bool:
        value = {"on": True, "off": False, "yes": True, "no": False}.get(str(value).lower(), value)
    if get_origin(plain) is list and isinstance(value, str):
        value = [item.strip() for item in value.split(",") if item.strip()]
    try:
        return msgspec.convert(value, annotation, strict=False)
    except msgspec.ValidationError as error:
        got = "" if is_secret(fields[name]) else f"; got {value!r}"
        choices = get_args(plain) if get_origin(plain) is Literal else ()
        problem = f"must be one of {', '.join(choices)}" if choices else error
        raise SettingsError(f"setting {name!r} ({source}): {problem}{got}") from None
