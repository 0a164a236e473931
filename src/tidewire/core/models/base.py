"""What all response models have in common."""

from __future__ import annotations

from typing import Any

import msgspec


class Model(msgspec.Struct, kw_only=True, rename="camel", frozen=True):
    """Base of all response models: ``snake_case`` here, ``camelCase`` on the wire."""


def system(name: str) -> Any:
    """A field whose wire name starts with ``$``."""
    return msgspec.field(name=f"${name}")


class Resource(Model, frozen=True, kw_only=True):
    """What has an id, and times at which it was made and last changed (ISO 8601)."""

    id: str = system("id")
    created_at: str = system("createdAt")
    updated_at: str = system("updatedAt")


class Page(Model, frozen=True, kw_only=True):
    """A page of a list; ``total`` is how many there are on all pages, 0 if the client did not ask."""

    total: int


class AnyObject(Model, frozen=True, kw_only=True):
    """An object whose fields no model fixes; an operation answers with the dictionary itself."""
