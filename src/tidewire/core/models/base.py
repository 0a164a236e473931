"""What all response models have in common."""

from __future__ import annotations

from typing import Any

import msgspec


class Model(msgspec.Struct, kw_only=True, rename="camel", frozen=True):
    """Base of all response models: ``snake_case`` here, ``camelCase`` on the wire."""


def system(name: str) -> Any:
    """A field whose wire name starts with ``$``."""
    return msgspec.field(name=f"${name}")


class AnyObject(Model, frozen=True, kw_only=True):
    """An object whose fields no model fixes; an operation answers with the dictionary itself."""
