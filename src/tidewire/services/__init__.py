"""The services: what Tidewire offers to its users, one module or package each."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Final

from tidewire.core.operations import Operations
from tidewire.services.databases.dialects import OPERATIONS


def _declared() -> Iterator[Operations]:
    """The operations that the modules of this package declare, found by importing all of them."""
    for found in pkgutil.walk_packages(__path__, f"{__name__}."):
        operations = getattr(importlib.import_module(found.name), "operations", None)
        if isinstance(operations, Operations):
            yield operations
    yield from OPERATIONS.values()


ALL_OPERATIONS: Final[tuple[Operations, ...]] = tuple(dict.fromkeys(_declared()))
"""The operations of every service. A new module of this package needs to be named nowhere else."""
