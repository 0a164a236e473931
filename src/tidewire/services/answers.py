"""Answers: models of the API, made from records."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import msgspec

from tidewire.core.time import format_datetime
from tidewire.store.secrets.encryption import Encryption, SealError

M = TypeVar("M", bound=msgspec.Struct)


def shown(model: type[M], record: Any, **given: Any) -> M:
    """The answer that shows a record: a row of a table, or what was read of one.

    Each field of the model that is not ``given``, and has no default, is the attribute of the record with the
    same name. Times (``*_at``), which records keep in milliseconds, become text; empty if there is none.
    """
    return model(**shown_fields(model, record, **given))


def shown_fields(model: type[msgspec.Struct], record: Any, **given: Any) -> dict[str, Any]:
    """The fields of the answer that :func:`shown` makes."""
    return {
        name: _shown(name, getattr(record, name)) for name in _required(model) if name not in given
    } | given


def datetime_or_empty(moment: int | None) -> str:
    """A time as text; empty if there is none."""
    return format_datetime(moment) if moment else ""


def opened(encryption: Encryption | None, sealed: str) -> str:
    """What was sealed; empty without a key, and for what cannot be read any more."""
    try:
        return encryption.open(sealed) if encryption is not None and sealed else ""
    except SealError:
        return ""


def _shown(name: str, value: Any) -> Any:
    if name.endswith("_at"):
        return datetime_or_empty(value)
    return list(value) if isinstance(value, tuple) else value


@cache
def _required(model: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(model) if field.required)
